// SPDX-License-Identifier: Apache-2.0

// The Go peer of the lab: `gopeer server|client [flags]` over crypto/tls. It
// logs keys to SSLKEYLOGFILE and prints what the library says.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

var (
	addr     = flag.String("addr", ":443", "where to listen or connect")
	name     = flag.String("name", "www.example.test", "server name; server: the only one known when -strict")
	cert     = flag.String("cert", "", "certificate chain")
	key      = flag.String("key", "", "private key")
	ca       = flag.String("ca", "", "trust anchors; server: asks for client certificates")
	min      = flag.Int("min", 12, "lowest version")
	max      = flag.Int("max", 13, "highest version")
	alpn     = flag.String("alpn", "", "protocols, comma separated")
	groups   = flag.String("groups", "", "x25519, p256, p384, p521")
	ciphers  = flag.String("ciphers", "", "TLS 1.2 suites by name")
	strict   = flag.Bool("strict", false, "server: GetCertificate fails for other names")
	pin      = flag.Bool("pin", false, "client: wants another certificate, whichever it gets")
	rude     = flag.String("rude", "", "server: no tickets, and closes after the handshake: close, late (a second), data (two bytes)")
	optional = flag.Bool("optional", false, "server: client certificate may be missing")
)

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func version(v int) uint16 { return uint16(0x0301 + v - 10) }

func config() *tls.Config {
	c := &tls.Config{MinVersion: version(*min), MaxVersion: version(*max), ServerName: *name}
	if file := os.Getenv("SSLKEYLOGFILE"); file != "" {
		c.KeyLogWriter, _ = os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	}
	if *alpn != "" {
		c.NextProtos = strings.Split(*alpn, ",")
	}
	ids := map[string]tls.CurveID{"x25519": tls.X25519, "p256": tls.CurveP256, "p384": tls.CurveP384, "p521": tls.CurveP521}
	for _, g := range strings.Split(*groups, ",") {
		if id, ok := ids[g]; ok {
			c.CurvePreferences = append(c.CurvePreferences, id)
		}
	}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if *ciphers != "" && strings.Contains(","+*ciphers+",", ","+s.Name+",") {
			c.CipherSuites = append(c.CipherSuites, s.ID)
		}
	}
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		check(err)
		c.Certificates = []tls.Certificate{pair}
	}
	if *ca != "" {
		pem, err := os.ReadFile(*ca)
		check(err)
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(pem)
	}
	return c
}

func leave(conn *tls.Conn) {
	fmt.Println("server: handshake", conn.Handshake())
	switch *rude {
	case "late":
		time.Sleep(time.Second)
	case "data":
		_, _ = io.WriteString(conn, "ok")
	}
}

func server() {
	c := config()
	if *ca != "" {
		c.ClientCAs, c.RootCAs = c.RootCAs, nil
		c.ClientAuth = tls.RequireAndVerifyClientCert
		if *optional {
			c.ClientAuth = tls.VerifyClientCertIfGiven
		}
	}
	if *strict {
		pair := c.Certificates[0]
		c.Certificates = nil
		c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != *name {
				return nil, errors.New("no certificate for " + hello.ServerName)
			}
			return &pair, nil
		}
	}
	c.SessionTicketsDisabled = *rude != ""
	l, err := tls.Listen("tcp", *addr, c)
	check(err)
	for {
		conn, err := l.Accept()
		check(err)
		go func() {
			defer conn.Close()
			if *rude != "" {
				leave(conn.(*tls.Conn))
				return
			}
			buf := make([]byte, 4096)
			if _, err := conn.Read(buf); err != nil {
				fmt.Println("server:", err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\nhello\n")
		}()
	}
}

func client() {
	c := config()
	if *pin {
		c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error {
			return errors.New("the certificate is not the pinned one")
		}
	}
	conn, err := tls.Dial("tcp", *addr, c)
	if err != nil {
		fmt.Println("client:", err)
		os.Exit(1)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.0\r\n\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	body, err := io.ReadAll(conn)
	fmt.Printf("client: %d bytes, %v, %x resumed %v\n", len(body), err, conn.ConnectionState().Version, conn.ConnectionState().DidResume)
}

func main() {
	mode := os.Args[1]
	check(flag.CommandLine.Parse(os.Args[2:]))
	if mode == "server" {
		server()
	}
	client()
}
