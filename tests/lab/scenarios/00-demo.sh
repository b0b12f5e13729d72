# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The two of the README.

scenario demo_expired
server nginx expired 'ssl_protocols TLSv1.2'
client curl
truth failure client alert 45 client server_certificate_expired 1.2

scenario demo_success
server nginx rsa 'ssl_protocols TLSv1.2 TLSv1.3'
client curl
truth success - - - - - 1.3
