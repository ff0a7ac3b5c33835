# syntax=docker/dockerfile:1
#
#   docker build -t bonafide .
#   docker run -v ./bonafide.toml:/etc/bonafide/bonafide.toml:ro -p 8443:8443 bonafide
#
# The first stage builds a static binary, the second holds it and nothing else: no shell, no package manager, not root.

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends musl-tools \
    && rm -rf /var/lib/apt/lists/* \
    && rustup target add "$(uname -m)-unknown-linux-musl"
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    deploy/build-static.sh /out/bonafide

# distroless/static has the CA certificates, /tmp and the user 65532.
FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="bonafide" \
      org.opencontainers.image.description="A verifying reverse proxy: only requests whose sender is proved reach the application behind it" \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
COPY --from=build /out/bonafide /bonafide
COPY --from=build /src/LICENSE-APACHE /src/LICENSE-MIT /licenses/
USER 65532:65532
# 8443 takes the senders' requests, 9901 is the admin port.
EXPOSE 8443 9901
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/bonafide", "healthcheck"]
ENV BONAFIDE_CONFIG=/etc/bonafide/bonafide.toml
ENTRYPOINT ["/bonafide"]
CMD ["run", "--config", "/etc/bonafide/bonafide.toml"]
