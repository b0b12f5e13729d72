// SPDX-License-Identifier: Apache-2.0

// An explicit proxy that opens what goes through it, as programs are that are built
// with the library goproxy: usage: goproxy LISTEN-ADDRESS [CERTIFICATE KEY], where the
// authority may be one of the user's own.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"log"
	"net/http"
	"os"

	"github.com/elazarl/goproxy"
)

func main() {
	if len(os.Args) > 3 {
		ca, err := tls.LoadX509KeyPair(os.Args[2], os.Args[3])
		if err == nil {
			ca.Leaf, err = x509.ParseCertificate(ca.Certificate[0])
		}
		if err != nil {
			log.Fatal(err)
		}
		goproxy.GoproxyCa = ca
		goproxy.MitmConnect.TLSConfig = goproxy.TLSConfigFromCA(&ca)
	}
	proxy := goproxy.NewProxyHttpServer()
	proxy.Verbose = true
	proxy.Tr = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	proxy.OnRequest().HandleConnect(goproxy.AlwaysMitm)
	log.Fatal(http.ListenAndServe(os.Args[1], proxy))
}
