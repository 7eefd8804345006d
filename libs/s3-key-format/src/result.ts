/** Why a key is not of the format it was tried as. */
export type KeyProblem =
  | 'not under the prefix'
  | 'folder marker'
  | 'not two levels deep'
  | 'directory is not pod_namespace_container-id'
  | 'no container id'
  | 'name that Kubernetes forbids'
  | 'file is not date_index.gz'
  | 'date that does not exist';

/** What parsing a key gives: the parts of the key, or the reason why it has none. */
export type KeyResult<T> =
  { readonly ok: true; readonly key: T } | { readonly ok: false; readonly problem: KeyProblem };

export const problem = (reason: KeyProblem): { readonly ok: false; readonly problem: KeyProblem } => ({
  ok: false,
  problem: reason,
});
