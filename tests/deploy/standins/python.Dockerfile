# Stands in for python:3.11-slim-bookworm where no registry can be reached.
FROM debian:bookworm-slim
ADD python.tar /
COPY ca-certificates.cr[t] /etc/ssl/certs/
COPY pip.conf /etc/pip.conf
RUN ldconfig && mkdir -p /usr/local/lib/python3.11/site-packages \
    && python -m ensurepip --upgrade >/dev/null && ln -sf pip3 /usr/local/bin/pip
ENV LANG=C.UTF-8 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
CMD ["python3"]
