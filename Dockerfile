# An image of chatd alone: no shell, no package manager, nobody's rights.
#
#   docker build -t chatd .
#   docker run -p 3000:3000 -v chatd:/var/lib/chatd chatd
#   docker exec CONTAINER chatctl status
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN packaging/build && packaging/rootfs /root-of-image

FROM scratch
COPY --from=build /root-of-image /
ENV PATH=/usr/bin STATE_DIRECTORY=/var/lib/chatd RUNTIME_DIRECTORY=/run/chatd CHATD_SERVER__LISTEN=0.0.0.0:3000
USER nobody
VOLUME /var/lib/chatd
EXPOSE 3000
HEALTHCHECK CMD ["chatctl", "--quiet", "status"]
ENTRYPOINT ["chatd"]
