"""./dev COMMAND

  up [--languages all|python,cpp,…] [--host H] [--port N] [--slots N] [--redis URL] [--detach]
              install what is missing, build, start redis-server, a master and an executor for each language (without
              --languages: python, c, cpp, and what else is there), and run examples/; stays until Ctrl-C, or with
              --detach until ./dev down
  down        end what ./dev up --detach started
  test [SUITE…] [-- ARGUMENT…]
              build with sanitizers and run suites; the last line is "N passed, N failed". Suites: unit integration k8s
              fuzz model sandbox warm e2e chaos-short soak-short waiters-short (all of these without a name), security (of
              unit, fuzz, sandbox and e2e, what is about those who mean harm), chaos, debian13, fuzz-http, load, soak,
              versions, vm, vm-backports, vm-languages, waiters, images, container, autoscale, deliver. ARGUMENTs go to
              pytest or meson test
  coverage [SUITE…]
              what unit, integration, fuzz and e2e (less its programs in every language), or those of them that are named,
              run of the lines and branches of common, executor and master: a table, and build/coverage/index.html. Not of
              the box, whose processes end by _exit and share memory
  images [--languages all|python,cpp,…] [--debian 12|13] [--tag T]… [--pull] [--fresh]
              build the images of the master and of each language's executor with docker, podman or buildah; the bases
              are made of Debian's packages, or with --pull taken from the registry
  bench       runs, jobs and requests as ratios to what the machine does without us; a table, build/bench/bench.json and .svg
  secret dev|prod [--redis HOST:PORT]
              print a manifest of Secrets with fresh passwords and API keys
  push [--registry R] [--tag T]…
  promote --version V [--from TAG]
  deploy dev|prod --version V [--yes] [--install] [--dry-run]
  rollback dev|prod
              images to the registry (or ECR_REGISTRY); a tag to prod-V; an overlay, by digest, to the cluster of kubectl's
              context (asks before prod) until it is rolled out; and back
  login       a pipeline's credentials (REGISTRY_USER, REGISTRY_PASSWORD, KUBECONFIG_DATA) into docker's and kubectl's files
  smoke dev|prod|URL
              a few small programs through a Sentinel that runs (SENTINEL_TOKEN: an API key of it)
  scan [--tag T]
  sign [--registry R] [--tag T]
              holes in the images' packages that Debian has mended; signatures and SBOMs, by cosign
  soak        twenty minutes of mixed load; writes docs/soak.svg and the figures in docs/OPERATIONS.md
  lint        format, clang's warnings, clang-tidy, cppcheck, shellcheck
  fmt         apply the format, and write the settings into the documents
  help        this
"""

import sys

from progress import Failure, say
from scope import enter_own_scope


def main(command, *arguments):
    if command in ("help", "-h", "--help"):
        say(__doc__.rstrip())
        return 0
    if command in ("bench", "coverage", "soak", "up", "test"):
        enter_own_scope()
    if command == "up":
        from up import up
        return up(arguments)
    if command == "test":
        from suites import test
        return test(arguments)
    if command == "coverage":
        from covered import coverage
        return coverage(arguments)
    if command in ("bench", "down", "lint", "fmt", "soak") and arguments:
        raise Failure(f"{command} takes no arguments")
    if command == "images":
        from images import images
        return images(arguments)
    if command == "login":
        from login import login
        return login(arguments)
    if command == "smoke":
        from smoke import smoke
        return smoke(arguments)
    if command in ("scan", "sign"):
        import supply
        return getattr(supply, command)(arguments)
    if command in ("push", "promote", "deploy", "rollback"):
        import deliver
        return getattr(deliver, command)(arguments)
    if command == "secret":
        from secret import secret
        return secret(arguments)
    if command == "down":
        from up import down
        return down()
    if command == "bench":
        from bench import bench
        return bench()
    if command == "soak":
        from suites import test
        return test(["soak"])
    if command in ("lint", "fmt"):
        import lint
        return getattr(lint, command)()
    raise Failure(f"unknown command {command}: ./dev help lists what there is")


sys.dont_write_bytecode = True
try:
    sys.exit(main(*(sys.argv[1:] or ["help"])))
except Failure as failure:
    sys.exit(f"dev: {failure}")
except KeyboardInterrupt:
    sys.exit(130)
