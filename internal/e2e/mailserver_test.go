package e2e

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// mailConf is what testdata/mailserver.py is told.
type mailConf struct {
	TLS      string              `json:"tls"`
	Cert     string              `json:"cert,omitempty"`
	Key      string              `json:"key,omitempty"`
	User     string              `json:"user,omitempty"`
	Password string              `json:"password,omitempty"`
	Replies  map[string][]string `json:"replies,omitempty"`
}

// mailed is what it tells: of a mail, as Python's email package reads it, or of
// a login that was tried.
type mailed struct {
	Port    int         `json:"port"`
	All     bool        `json:"caught_up"`
	Login   string      `json:"login"`
	From    string      `json:"from"`
	To      []string    `json:"to"`
	User    string      `json:"user"`
	TLS     string      `json:"tls"`
	Hello   string      `json:"hello"`
	Headers [][2]string `json:"headers"`
	Defects []string    `json:"defects"`
	Kind    string      `json:"kind"`
	Parts   []string    `json:"parts"`
	Text    string      `json:"text"`
	HTML    string      `json:"html"`
}

func (m mailed) header(name string) string {
	for _, h := range m.Headers {
		if h[0] == name {
			return h[1]
		}
	}
	return ""
}

// mailServer is a running one.
type mailServer struct {
	t        *testing.T
	port     int
	ask      io.Writer
	caughtUp chan struct{} // told all that it was asked for

	mu   sync.Mutex
	told []mailed
}

// python is a Python that has aiosmtpd: `make mail-tools` sees to one.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import aiosmtpd").Run() == nil {
			return name
		}
	}
	t.Fatal("no python3 has aiosmtpd: run make mail-tools")
	return ""
}

// startMail starts a mail server that is not ours.
func startMail(t *testing.T, conf mailConf) *mailServer {
	t.Helper()
	arg, err := json.Marshal(conf)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python(t), "testdata/mailserver.py", string(arg))
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the mail server: %v", err)
	}
	s := &mailServer{t: t, ask: stdin, caughtUp: make(chan struct{}, 1)}
	ready, done := make(chan int, 1), make(chan struct{})
	go func() {
		defer close(done)
		s.listen(stdout, ready)
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		timer := time.AfterFunc(soon, func() { _ = cmd.Process.Kill() })
		<-done
		if err := cmd.Wait(); err != nil || !timer.Stop() {
			t.Errorf("the mail server ended: %v", err)
		}
	})
	select {
	case s.port = <-ready:
	case <-done:
		t.Fatal("the mail server did not start")
	case <-time.After(soon):
		t.Fatal("the mail server took too long to start")
	}
	return s
}

func (s *mailServer) listen(out io.Reader, ready chan<- int) {
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var m mailed
		if json.Unmarshal(line, &m) != nil {
			continue
		}
		switch {
		case m.Port != 0:
			ready <- m.Port
			continue
		case m.All:
			s.caughtUp <- struct{}{}
			continue
		}
		s.mu.Lock()
		s.told = append(s.told, m)
		s.mu.Unlock()
	}
}

// all is what the server has told and is about to tell: it answers a client before
// what it says of that is read here.
func (s *mailServer) all() []mailed {
	s.t.Helper()
	if _, err := io.WriteString(s.ask, "?\n"); err != nil {
		s.t.Fatalf("asking the mail server: %v", err)
	}
	select {
	case <-s.caughtUp:
	case <-time.After(soon):
		s.t.Fatal("the mail server tells nothing more")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told)
}

// mails returns the mails that arrived, and logins the names that somebody tried
// to log in by.
func (s *mailServer) mails() (out []mailed) {
	s.t.Helper()
	for _, m := range s.all() {
		if m.Login == "" {
			out = append(out, m)
		}
	}
	return out
}

func (s *mailServer) logins() (out []string) {
	s.t.Helper()
	for _, m := range s.all() {
		if m.Login != "" {
			out = append(out, m.Login)
		}
	}
	return out
}

// privateCA makes an authority and a certificate of its for 127.0.0.1.
func privateCA(t *testing.T) (authority, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	made := func(what *x509.Certificate, by *x509.Certificate, public *ecdsa.PublicKey, with *ecdsa.PrivateKey) []byte {
		what.NotBefore, what.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, what, by, public, with)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority of the test's"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caKey, leafKey := ecKey(t), ecKey(t)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	private, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	return file("ca.pem", "CERTIFICATE", made(ca, ca, &caKey.PublicKey, caKey)),
		file("cert.pem", "CERTIFICATE", made(leaf, ca, &leafKey.PublicKey, caKey)), file("key.pem", "PRIVATE KEY", private)
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
