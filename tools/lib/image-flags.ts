/**
 * Node's flags in the images (deploy/docker/Dockerfile), for what is measured: a small young generation, which takes less memory, and no full
 * collection before there are so many MB to look through.
 */
export const IMAGE_FLAGS = ['--max-semi-space-size=4', '--initial-heap-size=64'];
