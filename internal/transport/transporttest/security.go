package transporttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"time"
)

// security is what a destination shows for TLS.
type security string

const (
	insecure    security = "none"
	good        security = "good"
	unknownCA   security = "unknown authority"
	wrongName   security = "another name"
	expired     security = "expired"
	oldVersion  security = "TLS 1.1 at most"
	plainAnswer security = "no TLS where it is expected"
)

// authority is a certificate authority of the test's own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var (
	ours    = sync.OnceValue(newAuthority)
	theirs  = sync.OnceValue(newAuthority)
	keeping sync.Mutex
	kept    = map[security]*tls.Config{}
)

// trusted are the roots that a transport trusts when it meets k.
func (k security) trusted() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ours().cert)
	return pool
}

// config is what the server side of k uses; nil if it speaks no TLS.
func (k security) config() *tls.Config {
	if k == insecure || k == plainAnswer {
		return nil
	}
	keeping.Lock()
	defer keeping.Unlock()
	if c, ok := kept[k]; ok {
		return c.Clone()
	}
	ca, leaf := ours(), &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "canary-of-the-certificate"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	c := &tls.Config{MinVersion: tls.VersionTLS10, NextProtos: []string{"http/1.1"}}
	switch k {
	case unknownCA:
		ca = theirs()
	case wrongName:
		leaf.IPAddresses, leaf.DNSNames = nil, []string{"canary.example"}
	case expired:
		leaf.NotBefore, leaf.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	case oldVersion:
		c.MaxVersion = tls.VersionTLS11
	default:
		leaf.DNSNames = []string{steadyName, movingName, mixedName}
	}
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	der := must(x509.CreateCertificate(rand.Reader, leaf, ca.cert, &key.PublicKey, ca.key))
	c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	kept[k] = c
	return c.Clone()
}

func newAuthority() authority {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the test's authority"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key))
	return authority{must(x509.ParseCertificate(der)), key}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
