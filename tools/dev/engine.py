"""The container engine of this machine: docker, podman or buildah, whichever is there. What each can do is the same but
for the words."""

import json
import shutil
import subprocess

import packages
from progress import Failure, run

# chroot needs nothing of the kernel that a build in a container or on a CI host might not have.
BUILD = {
    "docker": ["docker", "build"],
    "podman": ["podman", "build", "--isolation", "chroot", "--layers", "--format", "docker"],
    "buildah": ["buildah", "bud", "--isolation", "chroot", "--layers", "--format", "docker"],
}
LOCAL = {"docker": "", "podman": "localhost/", "buildah": "localhost/"}
PUBLIC = {"docker": "", "podman": "docker.io/library/", "buildah": "docker.io/library/"}  # what short names stand for


def quiet(*argv):
    """The output of a command, or None when it fails."""
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


class Engine:
    def __init__(self, name):
        self.name = name

    def local(self, image):
        """What an image of ours is called before it is pushed."""
        return LOCAL[self.name] + image

    def has(self, image):
        kind = [] if self.name == "buildah" else ["image"]
        kind += ["inspect"] if self.name != "buildah" else ["inspect", "--type", "image"]
        return quiet(self.name, *kind, image) is not None

    def public(self, image):
        return PUBLIC[self.name] + image

    def add_base(self, tarball, image):
        """The root file system in a tarball, as an image."""
        if self.name == "buildah":
            container = quiet("buildah", "from", "scratch").strip()
            run(f"importing {image}", ["buildah", "add", "--quiet", container, tarball, "/"])
            run(f"committing {image}", ["buildah", "commit", "--quiet", "--rm", container, self.public(image)])
        else:
            run(f"importing {image}", [self.name, "import", tarball, self.public(image)])

    def build(self, title, dockerfile, context, tags, arguments, pull=False, fresh=False):
        options = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        options += [word for tag in tags for word in ("--tag", tag)]
        options += ["--no-cache"] if fresh else []
        if self.name != "docker":
            options += ["--pull" if pull else "--pull-never"]
        elif pull:
            options += ["--pull"]
        run(title, [*BUILD[self.name], *options, "--file", dockerfile, context])

    def tag(self, image, other):
        run(f"tagging {other}", [self.name, "tag", image, other])

    def push(self, image, insecure=False):
        """`insecure`: to a registry without TLS, which docker itself only takes on this machine."""
        options = ["--tls-verify=false"] if insecure and self.name != "docker" else []
        run(f"pushing {image}", [self.name, "push", *options, image])

    def extract(self, image, path, target):
        """A file of an image, copied to `target`."""
        if self.name == "buildah":
            raise Failure("buildah alone cannot show an image's files: podman or docker is wanted")
        made = quiet(self.name, "create", image)
        if made is None:
            raise Failure(f"there is no image {image}")
        try:
            run(f"reading {image}", [self.name, "cp", f"{made.strip()}:{path}", target])
        finally:
            quiet(self.name, "rm", made.strip())

    def size(self, image):
        """Bytes of the image, its base included."""
        if self.name == "buildah":
            listed = json.loads(quiet("buildah", "images", "--json", image) or "[]")
            return listed[0].get("size") if listed else None
        return int(quiet(self.name, "image", "inspect", "--format", "{{.Size}}", image) or 0)


def works(name):
    """Docker's client alone is of no use: it wants its daemon."""
    if not shutil.which(name):
        return False
    return name != "docker" or quiet("docker", "version", "--format", "{{.Server.Version}}") is not None


def find():
    """The first engine that works; podman is installed when there is none."""
    for name in ("docker", "podman", "buildah"):
        if works(name):
            return Engine(name)
    packages.install(packages.ENGINE, "building images")
    if not works("podman"):
        raise Failure("podman was installed and does not start: podman version says why")
    return Engine("podman")
