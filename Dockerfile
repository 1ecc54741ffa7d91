# syntax=docker/dockerfile:1
FROM golang:1.26-bookworm AS source
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .

# The context has no .git, so the toolchain cannot tell which version this is:
# docker build --build-arg VERSION=$(git describe --always --tags) .
FROM source AS build
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.release=${VERSION}" -o /out/torhaus ./cmd/torhaus

# The demo app of docker-compose.yml: a page that asks torhaus who is there.
FROM source AS build-demo
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/dev ./cmd/dev

FROM scratch AS demo
COPY --from=build-demo /out/dev /dev-server
USER 65532:65532
EXPOSE 8500
ENTRYPOINT ["/dev-server", "-only=demo"]

# The product, last so that a plain `docker build .` makes it: one static
# binary and the certificates to verify ZITADEL and Redis with. No shell, no
# package manager, nobody to become.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/torhaus /torhaus
USER 65532:65532
EXPOSE 8400
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/torhaus", "health"]
ENTRYPOINT ["/torhaus"]
CMD ["serve"]
