"""Certificates of the tests' own, made by openssl in a folder."""

import subprocess

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    def __init__(self, folder, name="ca"):
        self.folder, self.file = folder, folder / f"{name}.pem"
        self.key, self.name = folder / f"{name}.key", name
        self.openssl("req", "-x509", *KEY, "-days", 2, "-subj", f"/CN=test {name}", "-keyout", self.key, "-out", self.file)

    def openssl(self, *words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=self.folder)

    def certificate(self, name, names="DNS:redis.example", expired=False):
        """(certificate, key) for these names."""
        certificate, key, request = (self.folder / f"{name}.{suffix}" for suffix in ("pem", "key", "csr"))
        self.openssl("req", *KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        (self.folder / f"{name}.names").write_text(f"subjectAltName={names}\n")
        if expired:  # `openssl x509` of Debian 12 makes none that has ended
            (self.folder / "index").write_text("")
            (self.folder / "serial").write_text("01")
            (self.folder / "ca.conf").write_text("[ca]\ndefault_ca=here\n[here]\ndatabase=index\nserial=serial\npolicy=any\n[any]\ncommonName=supplied\n")
            self.openssl("ca", "-batch", "-config", "ca.conf", "-notext", "-md", "sha256", "-outdir", self.folder,
                         "-cert", self.file, "-keyfile", self.key, "-startdate", "20200101000000Z", "-enddate", "20200102000000Z",
                         "-extfile", f"{name}.names", "-in", request, "-out", certificate)
        else:
            self.openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-CAcreateserial", "-days", 2,
                         "-extfile", f"{name}.names", "-out", certificate)
        return certificate, key
