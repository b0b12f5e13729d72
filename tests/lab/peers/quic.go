// SPDX-License-Identifier: Apache-2.0
// A QUIC peer of quic-go (Debian's package): quic server|client -addr A [-option]...
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/lucas-clemente/quic-go"
)

var (
	addr     = flag.String("addr", "", "address")
	cert     = flag.String("cert", "", "certificate (PEM)")
	key      = flag.String("key", "", "its key")
	ca       = flag.String("ca", "", "roots")
	names    = flag.String("names", "www.example.test", "client: names to ask for, one connection each, from one port")
	versions = flag.String("versions", "", "QUIC versions: 1, 2, draft")
	alpn     = flag.String("alpn", "lab", "application protocols")
	early    = flag.Bool("early", false, "client: a second connection with 0-RTT")
	verify   = flag.Bool("verify", false, "server: ask for a certificate")
)

func config() *quic.Config {
	c := &quic.Config{ConnectionIDLength: 6, HandshakeIdleTimeout: 5 * time.Second, MaxIdleTimeout: 5 * time.Second}
	for _, v := range strings.Split(*versions, ",") {
		switch v {
		case "1":
			c.Versions = append(c.Versions, quic.Version1)
		case "2":
			c.Versions = append(c.Versions, quic.Version2)
		case "draft":
			c.Versions = append(c.Versions, quic.VersionDraft29)
		}
	}
	return c
}

func keylog() io.Writer {
	f, err := os.OpenFile(os.Getenv("SSLKEYLOGFILE"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0600)
	if err != nil {
		return nil
	}
	return f
}

func serve() error {
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		return err
	}
	conf := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: strings.Split(*alpn, ","), KeyLogWriter: keylog()}
	if *verify {
		conf.ClientAuth = tls.RequireAnyClientCert
	}
	l, err := quic.ListenAddrEarly(*addr, conf, config())
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept(context.Background())
		if err != nil {
			return err
		}
		go func() {
			for {
				s, err := c.AcceptStream(context.Background())
				if err != nil {
					fmt.Println("server:", err)
					return
				}
				data, _ := io.ReadAll(s)
				s.Write(data)
				s.Close()
			}
		}()
	}
}

func talk(c quic.Connection) error {
	s, err := c.OpenStreamSync(context.Background())
	if err != nil {
		return err
	}
	s.Write([]byte("hello"))
	s.Close()
	_, err = io.ReadAll(s)
	return err
}

func dial(pc net.PacketConn, to net.Addr, name string, cache tls.ClientSessionCache) error {
	pool := x509.NewCertPool()
	pem, _ := os.ReadFile(*ca)
	pool.AppendCertsFromPEM(pem)
	conf := &tls.Config{RootCAs: pool, ServerName: name, NextProtos: strings.Split(*alpn, ","),
		ClientSessionCache: cache, KeyLogWriter: keylog()}
	c, err := quic.DialEarly(pc, to, name, conf, config())
	if err != nil {
		return err
	}
	err = talk(c)
	time.Sleep(200 * time.Millisecond)
	fmt.Println("client: connected to", name, "0-RTT", c.ConnectionState().TLS.Used0RTT)
	c.CloseWithError(0, "")
	return err
}

func client() error {
	to, err := net.ResolveUDPAddr("udp", *addr)
	if err != nil {
		return err
	}
	pc, err := net.ListenUDP("udp", nil)
	if err != nil {
		return err
	}
	var cache tls.ClientSessionCache
	if *early {
		cache = tls.NewLRUClientSessionCache(4)
		if err := dial(pc, to, *names, cache); err != nil {
			return err
		}
		return dial(pc, to, *names, cache)
	}
	done := make(chan error)
	list := strings.Split(*names, ",")
	for _, name := range list {
		go func(name string) { done <- dial(pc, to, name, cache) }(name)
	}
	for range list {
		if e := <-done; e != nil {
			fmt.Println("client:", e)
			err = e
		}
	}
	time.Sleep(300 * time.Millisecond)
	return err
}

func main() {
	mode := os.Args[1]
	flag.CommandLine.Parse(os.Args[2:])
	run := serve
	if mode == "client" {
		run = client
	}
	if err := run(); err != nil {
		fmt.Println(mode+":", err)
		os.Exit(1)
	}
}
