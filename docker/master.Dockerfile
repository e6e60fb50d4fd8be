# sentinel-master: the program and the libraries that it is linked with, nothing else. Debian 12, which has libh2o.
#   docker build -f docker/master.Dockerfile .        or ./dev images
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3
COPY docker/packages.py /sentinel/docker/
COPY tools/dev/packages.py tools/dev/paths.py tools/dev/progress.py /sentinel/tools/dev/
RUN apt-get install -y --no-install-recommends $(python3 /sentinel/docker/packages.py build master)
WORKDIR /sentinel
COPY . .
RUN meson setup build --buildtype=release --strip -Dwerror=false -Dtests=false -Dmaster=enabled -Dgrpc=enabled && \
    ninja -C build master/sentinel-master cli/sentinel-healthcheck && \
    strip build/master/sentinel-master build/cli/sentinel-healthcheck && \
    docker/collect /root-fs build/master/sentinel-master build/cli/sentinel-healthcheck && \
    mkdir -p /root-fs/usr/share/sentinel && \
    cp -r languages /root-fs/usr/share/sentinel/languages
ARG VERSION=unversioned
ARG CREATED=1970-01-01T00:00:00Z
RUN python3 docker/sbom.py sentinel-master "$VERSION" "$CREATED" /root-fs > /root-fs/usr/share/sentinel/sbom.spdx.json

FROM scratch
COPY --from=build /root-fs/ /
ARG VERSION=unversioned
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="sentinel-master" \
      org.opencontainers.image.description="HTTP in, jobs into Redis, results out" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV SENTINEL_HOST=0.0.0.0
USER 1000:1000
EXPOSE 8080 50051
HEALTHCHECK --interval=10s --timeout=4s CMD ["/usr/bin/sentinel-healthcheck", "8080", "/livez"]
ENTRYPOINT ["/usr/bin/sentinel-master"]
