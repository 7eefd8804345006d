/** Node's flags in the images (deploy/docker/Dockerfile), for what is measured: a small young generation, which takes less memory. */
export const IMAGE_FLAGS = ['--max-semi-space-size=4'];
