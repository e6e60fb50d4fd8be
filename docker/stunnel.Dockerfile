# stunnel, for a Redis that wants TLS (k8s/components/redis-tls): Debian's program and its libraries, nothing else.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 stunnel4
COPY docker/ /sentinel/docker/
RUN mkdir -p /root-fs/usr/share/sentinel && /sentinel/docker/collect /root-fs /usr/bin/stunnel4
ARG VERSION=unversioned
ARG CREATED=1970-01-01T00:00:00Z
RUN python3 /sentinel/docker/sbom.py sentinel-stunnel "$VERSION" "$CREATED" /root-fs > /root-fs/usr/share/sentinel/sbom.spdx.json

FROM scratch
COPY --from=build /root-fs/ /
ARG VERSION=unversioned
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="sentinel-stunnel" \
      org.opencontainers.image.description="TLS to Redis, beside a program that speaks none" \
      org.opencontainers.image.licenses="GPL-2.0-or-later" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
USER 1000:1000
ENTRYPOINT ["/usr/bin/stunnel4"]
CMD ["/etc/stunnel/stunnel.conf"]
