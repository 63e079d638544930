package authn

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// Sizes of RSA moduli in bits. The upper bound keeps a verification cheap.
const (
	minRSA = 2048
	maxRSA = 8192
)

// verifiers has every algorithm that can ever be accepted. HMAC is not among
// them: with it a public key would be the secret.
var verifiers = func() map[string]jws.Verifier {
	m := map[string]jws.Verifier{}
	for _, alg := range []jwa.SignatureAlgorithm{
		jwa.ES256, jwa.ES384, jwa.ES512, jwa.EdDSA,
		jwa.RS256, jwa.RS384, jwa.RS512, jwa.PS256, jwa.PS384, jwa.PS512,
	} {
		v, err := jws.NewVerifier(alg)
		if err != nil {
			panic(err) // jwx lost an algorithm: no test would pass
		}
		m[alg.String()] = v
	}
	return m
}()

// algorithmsOf returns the JWS algorithms that a public key may be used with,
// and the name of its type. A key of a type, curve or size that is not
// accepted is an error.
func algorithmsOf(public any) (algs []string, kind string, err error) {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if _, err := k.ECDH(); err != nil && supportedCurve(k.Curve) {
			return nil, "", errors.New("is not a point on its curve")
		}
		switch k.Curve {
		case elliptic.P256():
			return []string{"ES256"}, "EC P-256", nil
		case elliptic.P384():
			return []string{"ES384"}, "EC P-384", nil
		case elliptic.P521():
			return []string{"ES512"}, "EC P-521", nil
		}
		return nil, "", errors.New("is on a curve that is not accepted: needs P-256, P-384 or P-521")
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSA || n > maxRSA {
			return nil, "", fmt.Errorf("is an RSA key of %d bits: needs %d to %d", n, minRSA, maxRSA)
		}
		if k.E < 3 || k.E%2 == 0 {
			return nil, "", errors.New("is an RSA key with an impossible exponent")
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, "RSA", nil
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return nil, "", errors.New("is an Ed25519 key of a wrong length")
		}
		return []string{"EdDSA"}, "Ed25519", nil
	}
	return nil, "", errors.New("is of a type that cannot verify: needs EC, RSA or Ed25519")
}

func supportedCurve(c elliptic.Curve) bool {
	return c == elliptic.P256() || c == elliptic.P384() || c == elliptic.P521()
}

// checkAlgorithms checks the config's algorithms.
func checkAlgorithms(names []string) error {
	for _, name := range names {
		if verifiers[name] != nil {
			continue
		}
		if forbidden(name) {
			return fmt.Errorf("%s is never accepted: only public-key signatures are", nameAlgorithm(name))
		}
		known := make([]string, 0, len(verifiers))
		for v := range verifiers {
			known = append(known, v)
		}
		slices.Sort(known)
		return fmt.Errorf("%q is not known: choose from %s", name, strings.Join(known, " "))
	}
	return nil
}

func forbidden(alg string) bool {
	switch strings.ToUpper(alg) {
	case "NONE", "HS256", "HS384", "HS512":
		return true
	}
	return false
}

// allowedAlgorithms returns the algorithms that a token may name at all.
func allowedAlgorithms(names []string) map[string]bool {
	allowed := map[string]bool{}
	for name := range verifiers {
		allowed[name] = len(names) == 0 || slices.Contains(names, name)
	}
	return allowed
}

// nameAlgorithm returns alg for a message; a sender's invention is not repeated.
func nameAlgorithm(alg string) string {
	if verifiers[alg] != nil || forbidden(alg) {
		return alg
	}
	return "(unknown)"
}
