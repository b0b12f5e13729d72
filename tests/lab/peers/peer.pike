// SPDX-License-Identifier: Apache-2.0
// Pike's own TLS as a server: `peer.pike PORT CERTIFICATE KEY`.
int main(int argc, array(string) argv)
{
    object key = Standards.PEM.Messages(Stdio.read_file(argv[3]));
    object certificates = Standards.PEM.Messages(Stdio.read_file(argv[2]));
    SSL.Context context = SSL.Context();

    context->add_cert(Standards.X509.parse_private_key(key->get_private_key()),
                      certificates->get_certificates(), ({ "*" }));
    SSL.Port port = SSL.Port(context);
    port->bind((int)argv[1], lambda() {
        SSL.File f = port->accept();
        f->set_nonblocking(lambda(mixed id, string data) {
            f->write("HTTP/1.0 200 OK\r\n\r\nhello\n");
            f->close();
        }, 0, lambda() { write("server: error %d\n", f->errno()); });
    }, "0.0.0.0");
    return -1;
}
