#!/usr/bin/env bash
# Makes the certificates that tests use, anew: an authority and what it has signed, good for a hundred years.
set -eu
cd "$(dirname "$0")"
ec() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
ec authority
openssl req -x509 -new -key authority.key -subj '/CN=Test authority' -days 36500 -out authority.pem
sign() { # NAME SUBJECT ALTERNATIVE-NAMES
  ec "$1"
  openssl req -new -key "$1.key" -subj "$2" |
    openssl x509 -req -CA authority.pem -CAkey authority.key -CAcreateserial -days 36500 -out "$1.pem" \
      -extfile <(echo "subjectAltName=$3")
}
sign localhost /CN=localhost DNS:localhost,IP:127.0.0.1
sign example /CN=example.test 'DNS:example.test,DNS:*.example.test'
sign client '/CN=a client' DNS:client.test
rm -f authority.key authority.srl
