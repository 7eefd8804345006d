#!/usr/bin/env bash
# All of Cordwood in a minikube of its own, with an S3 server, Redis and a job that logs.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly PROFILE="${CORDWOOD_PROFILE:-cordwood}"
readonly OVERLAY=deploy/kubernetes/overlays/minikube
readonly APPS=(compactor-worker cleanup-worker reader-api queue-dashboard)
# Good for nothing but the S3 server in there.
readonly ACCESS_KEY=cordwood SECRET_KEY=cordwoodsecret

usage() {
  cat <<'TEXT'
usage: deploy/minikube/cordwood-minikube.sh [--dry-run] COMMAND

  start         make the cluster, or start it again
  load-images   build the images of the apps with docker, and load them into it
  apply         put Cordwood, its fixtures and the sample job into it, and wait until they run
  status        what runs, and how to read the sample job's log
  clean         take everything out of it again
  stop          stop the cluster (gone for good: minikube delete --profile cordwood)

  --dry-run     print the commands instead

CORDWOOD_PROFILE names another cluster. Needed: minikube, kubectl, docker.
TEXT
}

dry_run=false
run() {
  if $dry_run; then
    printf '+'
    printf ' %q' "$@"
    printf '\n'
  else
    "$@"
  fi
}
kube() { run kubectl --context "$PROFILE" "$@"; }

# Kubernetes has no `create or change`: what is to be made goes through apply. Secrets stand in no file.
secret() {
  local namespace=$1 name=$2 literal
  shift 2
  if $dry_run; then
    printf '+ Secret %s/%s:' "$namespace" "$name"
    for literal in "${@#--from-literal=}"; do printf ' %s' "${literal%%=*}"; done
    printf '\n'
    return
  fi
  kubectl create secret generic "$name" --namespace "$namespace" "$@" --dry-run=client --output yaml |
    kubectl --context "$PROFILE" apply --filename -
}

start() {
  # containerd writes the CRI log format that Fluent Bit is set up for; the HorizontalPodAutoscaler wants metrics-server.
  run minikube start --profile "$PROFILE" --container-runtime containerd --cpus 2 --memory 4g --addons metrics-server
}

load_images() {
  for app in "${APPS[@]}"; do
    run docker build --file deploy/docker/Dockerfile --target "$app" --tag "cordwood/$app:minikube" .
    run minikube --profile "$PROFILE" image load "cordwood/$app:minikube"
  done
}

apply() {
  # Namespaces first: the Secrets go into them, and the pods want the Secrets.
  for namespace in cordwood cordwood-logging cordwood-fixtures; do
    if $dry_run; then
      echo "+ Namespace $namespace"
    else
      kubectl create namespace "$namespace" --dry-run=client --output yaml | kubectl --context "$PROFILE" apply --filename -
    fi
  done
  for namespace in cordwood cordwood-logging; do
    secret "$namespace" cordwood-s3 --from-literal=access-key-id=$ACCESS_KEY --from-literal=secret-access-key=$SECRET_KEY
  done
  secret cordwood cordwood-redis --from-literal=url=redis://redis.cordwood-fixtures:6379
  # Kept from one apply to the next: readers that run have it.
  if $dry_run || ! kubectl --context "$PROFILE" --namespace cordwood get secret cordwood-reader >/dev/null 2>&1; then
    secret cordwood cordwood-reader --from-literal=cursor-secret="$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
  fi
  secret cordwood cordwood-dashboard --from-literal=password=$SECRET_KEY
  secret cordwood-fixtures s3-identities --from-literal=s3.json="$(
    printf '{"identities":[{"name":"cordwood","credentials":[{"accessKey":"%s","secretKey":"%s"}],"actions":["Admin"]}]}' \
      "$ACCESS_KEY" "$SECRET_KEY"
  )"
  kube apply --kustomize "$OVERLAY"
  kube --namespace cordwood-logging rollout status daemonset/fluent-bit --timeout 5m
  for namespace in cordwood-fixtures cordwood; do
    kube --namespace "$namespace" wait deployment --all --for condition=Available --timeout 5m
  done
  status
}

status() {
  kube get pods --all-namespaces --selector 'app.kubernetes.io/part-of=cordwood'
  kube get pods --namespace cordwood-fixtures
  kube get pods --namespace jobs
  cat <<TEXT

The log of the sample job, within two minutes also from the bucket:
  kubectl --context $PROFILE --namespace cordwood port-forward service/reader-api 8080:80
  curl -N http://127.0.0.1:8080/api/v1/jobs/sample-job/log

The queues, as operator with the password $SECRET_KEY:
  kubectl --context $PROFILE --namespace cordwood port-forward service/queue-dashboard 8081:80
  http://127.0.0.1:8081
TEXT
}

clean() {
  # The namespaces take along what is in them, the Secrets too.
  kube delete --kustomize "$OVERLAY" --ignore-not-found
}

stop() { run minikube stop --profile "$PROFILE"; }

if [[ ${1:-} == --dry-run ]]; then
  dry_run=true
  shift
fi
case "${1:-}" in
  start | apply | status | clean | stop) "$1" ;;
  load-images) load_images ;;
  -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
