// SPDX-License-Identifier: Apache-2.0

import java.io.*;
import java.security.*;
import java.security.cert.*;
import javax.net.ssl.*;

/**
 * The Java peer of the lab: `java Peer server|client HOST PORT STORE TRUST
 * PROTOCOLS [ciphers=A,B] [alpn=a,b] [auth] [sni=NAME]`. STORE is a PKCS#12
 * file or `-`, TRUST a PEM file or `-`, PROTOCOLS a comma-separated list.
 */
public class Peer {
    static SSLContext context(String store, String trust) throws Exception {
        KeyManagerFactory kmf = null;
        if (!store.equals("-")) {
            KeyStore ks = KeyStore.getInstance("PKCS12");
            try (InputStream in = new FileInputStream(store)) {
                ks.load(in, "changeit".toCharArray());
            }
            kmf = KeyManagerFactory.getInstance("SunX509");
            kmf.init(ks, "changeit".toCharArray());
        }
        TrustManagerFactory tmf = TrustManagerFactory.getInstance("PKIX");
        KeyStore anchors = KeyStore.getInstance("PKCS12");
        anchors.load(null, null);
        if (!trust.equals("-")) {
            int n = 0;
            try (InputStream in = new FileInputStream(trust)) {
                for (java.security.cert.Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                    anchors.setCertificateEntry("ca" + n++, c);
                }
            }
        }
        tmf.init(anchors);
        SSLContext ctx = SSLContext.getInstance("TLS");
        ctx.init(kmf == null ? null : kmf.getKeyManagers(), tmf.getTrustManagers(), null);
        return ctx;
    }

    static void apply(SSLParameters p, String[] args) {
        p.setProtocols(args[5].split(","));
        for (int i = 6; i < args.length; i++) {
            if (args[i].startsWith("ciphers=")) {
                p.setCipherSuites(args[i].substring(8).split(","));
            } else if (args[i].startsWith("alpn=")) {
                p.setApplicationProtocols(args[i].substring(5).split(","));
            } else if (args[i].equals("auth")) {
                p.setNeedClientAuth(true);
            } else if (args[i].startsWith("sni=")) {
                p.setSNIMatchers(java.util.List.of(SNIHostName.createSNIMatcher(args[i].substring(4))));
            }
        }
    }

    static void server(String[] args) throws Exception {
        SSLServerSocket listener = (SSLServerSocket) context(args[3], args[4])
            .getServerSocketFactory().createServerSocket(Integer.parseInt(args[2]));
        SSLParameters p = listener.getSSLParameters();
        apply(p, args);
        listener.setSSLParameters(p);
        while (true) {
            try (SSLSocket s = (SSLSocket) listener.accept()) {
                s.getInputStream().read(new byte[4096]);
                s.getOutputStream().write("HTTP/1.0 200 OK\r\n\r\nhello\n".getBytes());
            } catch (IOException e) {
                System.out.println("server: " + e);
            }
        }
    }

    static void client(String[] args) throws Exception {
        try (SSLSocket s = (SSLSocket) context(args[3], args[4]).getSocketFactory()
            .createSocket(args[1], Integer.parseInt(args[2]))) {
            SSLParameters p = s.getSSLParameters();
            p.setEndpointIdentificationAlgorithm("HTTPS");
            apply(p, args);
            s.setSSLParameters(p);
            s.setSoTimeout(5000);
            s.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes());
            int n = s.getInputStream().readAllBytes().length;
            System.out.println("client: " + n + " bytes " + s.getSession().getProtocol());
        } catch (IOException e) {
            System.out.println("client: " + e);
        }
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("server")) {
            server(args);
        } else {
            client(args);
        }
    }
}
