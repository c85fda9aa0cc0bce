# syntax=docker/dockerfile:1
# Both base images are named by tag. Pin them by digest in the registry you build against
# (docker buildx imagetools inspect IMAGE prints it): a tag can move, a digest cannot.
FROM rust:1.95-bookworm AS builder

# Key providers beyond the software one, comma separated: pkcs11,aws-kms,gcp-kms,azure-kv
ARG FEATURES=""

WORKDIR /build
COPY . .
# The empty directories become the mount points of a container without volumes. They keep the
# numeric owner of the final stage, where no shell could create them.
RUN cargo build --release --locked --bin plexsphere-signer --features "${FEATURES}" \
    && install -D --mode=0755 target/release/plexsphere-signer /image/usr/local/bin/plexsphere-signer \
    && install -d --mode=0700 --owner=65532 --group=65532 \
        /image/run/plexsphere-signer /image/var/lib/plexsphere-signer

FROM gcr.io/distroless/cc-debian12:nonroot

LABEL org.opencontainers.image.title="plexsphere-signer" \
      org.opencontainers.image.description="The one process that touches Ed25519 private keys" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=builder /image/ /

# Numeric, so that Kubernetes can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/plexsphere-signer"]
CMD ["serve"]
