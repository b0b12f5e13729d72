// SPDX-License-Identifier: Apache-2.0

// The uTLS peer of the lab: a Go client whose ClientHello looks like a browser's.
// usage: utlspeer HOST PORT CA chrome|firefox|ios
package main

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"

	utls "github.com/refraction-networking/utls"
)

func main() {
	pem, _ := os.ReadFile(os.Args[3])
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	id := map[string]utls.ClientHelloID{
		"chrome": utls.HelloChrome_Auto, "firefox": utls.HelloFirefox_Auto, "ios": utls.HelloIOS_Auto,
	}[os.Args[4]]
	raw, err := net.Dial("tcp", net.JoinHostPort(os.Args[1], os.Args[2]))
	if err == nil {
		conn := utls.UClient(raw, &utls.Config{ServerName: os.Args[1], RootCAs: roots}, id)
		if err = conn.Handshake(); err == nil {
			fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
			n, _ := conn.Read(make([]byte, 4096))
			fmt.Println("client:", n, "bytes", conn.ConnectionState().NegotiatedProtocol)
			conn.Close()
		}
	}
	if err != nil {
		fmt.Println("client: error", err)
	}
}
