# sentinel-executor with the toolchains of one language, of several or of all, Debian 13's or 12's.
#   docker build -f docker/executor.Dockerfile --build-arg LANGUAGES="c cpp" [--build-arg BASE=debian:bookworm-slim] .
# The toolchains are what a box shows its programs, so this image is as Debian has them; the executor itself needs none
# of it, no shell either.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends python3
COPY docker/packages.py /sentinel/docker/
COPY tools/dev/packages.py tools/dev/paths.py tools/dev/progress.py /sentinel/tools/dev/
RUN apt-get install -y --no-install-recommends $(python3 /sentinel/docker/packages.py build)
WORKDIR /sentinel
COPY meson.build meson_options.txt ./
COPY cli/ cli/
COPY common/ common/
COPY executor/ executor/
RUN meson setup build --buildtype=release -Dwerror=false -Dtests=false -Dmaster=disabled && \
    ninja -C build executor/sentinel-executor executor/box/sentinel-box executor/selftest/sentinel-probe \
        cli/sentinel-healthcheck && \
    install -s -D -t /out/bin build/executor/sentinel-executor build/executor/box/sentinel-box \
        build/cli/sentinel-healthcheck && \
    python3 docker/packages.py libraries /out/bin/* > /out/libraries && \
    install -s -D -t /out/bin build/executor/selftest/sentinel-probe

FROM build AS packages
COPY languages/ languages/
ARG LANGUAGES=python
RUN python3 docker/packages.py language ${LANGUAGES} > /out/toolchains

# The layers that executors of all languages share, then the toolchain, then what changes with each release.
FROM ${BASE} AS root
ENV DEBIAN_FRONTEND=noninteractive
# Slim images leave out manuals, and Java's packages stop at a folder of theirs that is not there.
RUN mkdir -p /usr/share/man/man1 && \
    echo 'sentinel:x:1000:1000:Sentinel:/nonexistent:/usr/sbin/nologin' >> /etc/passwd && \
    echo 'sentinel:x:1000:' >> /etc/group
COPY --from=build /out/libraries /usr/share/sentinel/libraries
RUN apt-get update && xargs apt-get install -y --no-install-recommends < /usr/share/sentinel/libraries && \
    apt-get clean && rm -rf /var/lib/apt/lists/*
COPY --from=packages /out/toolchains /usr/share/sentinel/toolchains
RUN apt-get update && xargs apt-get install -y --no-install-recommends < /usr/share/sentinel/toolchains && \
    apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log
COPY languages/ /usr/share/sentinel/languages/
ARG LANGUAGES=python
RUN [ "${LANGUAGES}" = all ] && set -- || set -- ${LANGUAGES}; /usr/share/sentinel/languages/prepare "$@"

FROM build AS sbom
ARG LANGUAGES=python
ARG VERSION=unversioned
ARG CREATED=1970-01-01T00:00:00Z
COPY docker/sbom.py docker/
COPY --from=root /etc/os-release /root-fs/etc/os-release
COPY --from=root /var/lib/dpkg/status /root-fs/var/lib/dpkg/status
RUN python3 docker/sbom.py "sentinel-executor (${LANGUAGES})" "$VERSION" "$CREATED" /root-fs > /out/sbom.spdx.json

FROM root
# Tier B has no mounts of its own: /work and /tmp are where the box points them, in the one folder that can be written.
RUN mkdir -m 1777 /scratch && ln -s /scratch/work /work && rm -rf /tmp && ln -s /scratch/tmp /tmp
COPY --from=build /out/bin/ /usr/bin/
COPY --from=sbom /out/sbom.spdx.json /usr/share/sentinel/
ARG LANGUAGES=python
ARG VERSION=unversioned
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="sentinel-executor" \
      org.opencontainers.image.description="Runs jobs in boxes: ${LANGUAGES}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV SENTINEL_METRICS_PORT=9091 SENTINEL_SCRATCH_DIR=/scratch
USER 1000:1000
EXPOSE 9091
HEALTHCHECK --interval=10s --timeout=4s CMD ["/usr/bin/sentinel-healthcheck", "9091", "/readyz"]
ENTRYPOINT ["/usr/bin/sentinel-executor"]
