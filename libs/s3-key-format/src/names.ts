/** Names as Kubernetes allows them. None can hold `_` or `/`, which is what makes keys unambiguous. */

const LABEL = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const NAMESPACE = new RegExp(`^${LABEL}$`);

/** Whether a pod (so a job) can have this name: a DNS subdomain of at most 253 characters. */
export const isPodName = (name: string): boolean => name.length <= 253 && SUBDOMAIN.test(name);

/** Whether a namespace can have this name: a DNS label of at most 63 characters. */
export const isNamespaceName = (name: string): boolean => name.length <= 63 && NAMESPACE.test(name);

/**
 * Whether a container can have this name. Kubernetes wants a DNS label; runtimes beside it also write dots into the names of
 * log files, so dots are taken too.
 */
export const isContainerName = (name: string): boolean => name.length <= 63 && SUBDOMAIN.test(name);
