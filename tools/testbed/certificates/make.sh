#!/usr/bin/env bash
# Makes the certificates that tests use, anew: an authority and what it has signed, good for a hundred years.
set -eu
cd "$(dirname "$0")"
ec() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
rsa() { openssl genrsa -out "$1.key" 2048; }
ec authority
openssl req -x509 -new -key authority.key -subj '/CN=Test authority' -days 36500 -out authority.pem
sign() { # NAME SUBJECT ALTERNATIVE-NAMES, of a key that is there
  openssl req -new -key "$1.key" -subj "$2" |
    openssl x509 -req -CA authority.pem -CAkey authority.key -CAcreateserial -days 36500 -out "$1.pem" \
      -extfile <(echo "${3:+subjectAltName=}$3")
}
ec localhost && sign localhost /CN=localhost DNS:localhost,IP:127.0.0.1
ec example && sign example /CN=example.test 'DNS:example.test,DNS:*.example.test'
# For the names of example, with a key of another kind.
rsa example-rsa && sign example-rsa /CN=example.test 'DNS:example.test,DNS:*.example.test'
# For one of the names that example's wildcard is for; its CN is not one of its names.
ec www && sign www /CN=elsewhere.test DNS:www.example.test
# Without subjectAltName.
ec common-name && sign common-name /CN=common.test ''
ec client && sign client '/CN=a client' DNS:client.test
rm -f authority.key authority.srl
