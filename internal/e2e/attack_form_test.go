package e2e

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// headerAttacks put into a token's header what some verifiers act on.
func (s *site) headerAttacks() []attack {
	// The attacker's own key, offered in every way there is.
	evil := "foreign-256"
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "p0"}, NotAfter: time.Now().Add(time.Hour)}
	key, _ := s.keys[evil].(*ecdsa.PrivateKey)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.t.Fatalf("making a certificate: %v", err)
	}
	sum := sha256.Sum256(der)
	offers := []struct {
		name   string
		header claims
	}{
		{"jku", claims{"jku": s.trap.url + "/jwks.json"}},
		{"jku and kid", claims{"jku": s.trap.url + "/jwks.json", "kid": "evil"}},
		{"jku to a file", claims{"jku": "file:///etc/passwd"}},
		{"x5u", claims{"x5u": s.trap.url + "/chain.pem"}},
		{"x5c", claims{"x5c": []string{base64.StdEncoding.EncodeToString(der)}, "x5t#S256": b64url(string(sum[:]))}},
		{"jwk", claims{"jwk": s.jwk(evil, "evil"), "kid": "evil"}},
		{"epk", claims{"epk": s.jwk(evil, "evil")}},
		{"all of them", claims{"jku": s.trap.url, "x5u": s.trap.url, "x5c": []string{base64.StdEncoding.EncodeToString(der)}, "jwk": s.jwk(evil, "evil"), "kid": "evil"}},
	}
	var out []attack
	add := func(offer claims, sign string) func(*forged) {
		return func(f *forged) {
			maps.Copy(f.header, offer)
			f.key = s.keys[sign]
		}
	}
	for _, o := range offers {
		// A source of one key ignores what is offered: its own key's token passes.
		out = append(out, attack{
			o.name + ", signed by the key it offers", srcES256,
			s.jwt(srcES256, add(o.header, "es256")), s.jwt(srcES256, add(o.header, evil)), "signature",
		})
		reason := "signature"
		if o.header["kid"] != nil {
			reason = "unknown_key"
		}
		out = append(out, s.tamper(o.name+", signed by the key it offers, to a JWKS URL", srcIDP, reason, add(o.header, evil)))
	}

	headed := func(name, reason string, more ...any) attack {
		return s.tamper(name, srcES256, reason, func(f *forged) {
			for i := 0; i+1 < len(more); i += 2 {
				key, _ := more[i].(string)
				f.header[key] = more[i+1]
			}
		})
	}
	text := func(name, head string) attack {
		return s.tamper(name, srcES256, "malformed", func(f *forged) { f.rawHead, f.signAs = head, "ES256" })
	}
	return append(out,
		headed("an unknown crit", "critical", "crit", []string{"x-must"}, "x-must", true),
		headed("a crit of a name that is not there", "critical", "crit", []string{"x-must"}),
		headed("a crit of a claim", "critical", "crit", []string{"exp"}, "exp", 4102444800),
		headed("crit []", "critical", "crit", []string{}),
		headed("crit null", "critical", "crit", nil),
		headed("crit a text", "critical", "crit", "b64"),
		headed("b64 false", "critical", "crit", []string{"b64"}, "b64", false),
		headed("b64 false without crit", "critical", "b64", false),
		headed("b64 true", "critical", "crit", []string{"b64"}, "b64", true),
		text("alg twice", `{"alg":"none","alg":"ES256"}`),
		text("alg twice, the other way round", `{"alg":"ES256","alg":"none"}`),
		text("alg in another case", `{"ALG":"ES256"}`),
		text("alg by an escape, twice", `{"alg":"none","\u0061lg":"ES256"}`),
		text("a header that is a list", `[{"alg":"ES256"}]`),
		text("a header that is a text", `"ES256"`),
		text("a header that is cut", `{"alg":"ES256"`),
		text("a header with more behind it", `{"alg":"ES256"} {}`),
		text("a header with a byte order mark", "\xef\xbb\xbf"+`{"alg":"ES256"}`),
		text("a header that is no UTF-8", "{\"alg\":\"ES384\",\"x\":\"\xff\"}"),
	)
}

// formAttacks change how a token is written, not what it says.
func (s *site) formAttacks() []attack {
	const src = srcES256
	spelt := func(name string, spoil func(string) string) attack {
		return attack{name, src, s.good(src), s.jwtText(src, spoil), "malformed"}
	}
	parts := func(name string, spoil func(h, p, sig string) string) attack {
		return spelt(name, func(token string) string {
			p := strings.Split(token, ".")
			return spoil(p[0], p[1], p[2])
		})
	}
	dot := func(p ...string) string { return strings.Join(p, ".") }
	// readable: what is left can be decoded, and its signature is wrong.
	readable := func(a attack) attack { a.reason = "signature"; return a }
	out := []attack{
		parts("the header cut", func(h, p, sig string) string { return dot(h[:len(h)-1], p, sig) }),
		readable(parts("the claims cut", func(h, p, sig string) string { return dot(h, p[:len(p)-4], sig) })),
		readable(parts("the signature cut by a byte", func(h, p, sig string) string { return dot(h, p, sig[:len(sig)-2]) })),
		readable(parts("half of the signature", func(h, p, sig string) string { return dot(h, p, sig[:len(sig)/8*4]) })),
		parts("no signature", func(h, p, _ string) string { return dot(h, p) }),
		parts("an empty signature", func(h, p, _ string) string { return dot(h, p, "") }),
		parts("no claims", func(h, _, sig string) string { return dot(h, "", sig) }),
		parts("no header", func(_, p, sig string) string { return dot("", p, sig) }),
		parts("the header alone", func(h, _, _ string) string { return h }),
		parts("dots alone", func(_, _, _ string) string { return ".." }),
		parts("a fourth segment", func(h, p, sig string) string { return dot(h, p, sig, sig) }),
		parts("a dot behind", func(h, p, sig string) string { return dot(h, p, sig, "") }),
		parts("a dot before", func(h, p, sig string) string { return dot("", h, p, sig) }),
		parts("padding on the header", func(h, p, sig string) string { return dot(padded(h), p, sig) }),
		parts("padding on the signature", func(h, p, sig string) string { return dot(h, p, sig+"==") }),
		parts("a blank in the signature", func(h, p, sig string) string { return dot(h, p, sig[:8]+" "+sig[8:]) }),
		parts("a tab in the claims", func(h, p, sig string) string { return dot(h, p[:8]+"\t"+p[8:], sig) }),
		parts("the other alphabet", func(h, p, sig string) string { return dot(h, p, "+/"+sig[2:]) }),
		parts("percent-encoded dots", func(h, p, sig string) string { return h + "%2E" + p + "%2E" + sig }),
		spelt("quoted", func(token string) string { return `"` + token + `"` }),
		spelt("two tokens, a comma between", func(token string) string { return token + "," + token }),
		spelt("two tokens, a blank between", func(token string) string { return token + " " + token }),
		spelt("base64 once more", func(token string) string { return b64url(token) }),
		parts("JWS in flattened JSON", func(h, p, sig string) string {
			return fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, h, p, sig)
		}),
		parts("JWS in general JSON", func(h, p, sig string) string {
			return fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, p, h, sig)
		}),
		parts("JWS in JSON with two signatures, the second good", func(h, p, sig string) string {
			return fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":"AAAA"},{"protected":%q,"signature":%q}]}`, p, b64url(`{"alg":"none"}`), h, sig)
		}),
		parts("JWS in JSON with an unprotected alg", func(_, p, sig string) string {
			return fmt.Sprintf(`{"payload":%q,"header":{"alg":"ES256"},"signature":%q}`, p, sig)
		}),
		{"a JWE to the public key", srcRSA, s.good(srcRSA), func(r *http.Request) {
			to, _ := s.public("rsa").(*rsa.PublicKey)
			r.Header.Set("Authorization", "Bearer "+encrypted(s.t, to, string(mustJSON(s.t, goodClaims()))))
		}, "malformed"},
	}
	out = append(out, s.sizeAttacks()...)
	return append(out, s.signatureAttacks()...)
}

func padded(segment string) string { return segment + strings.Repeat("=", 4-len(segment)%4) }

// sizeAttacks are tokens of any size but a token's, signed as it should be.
func (s *site) sizeAttacks() []attack {
	const src = srcES256
	filled := func(n int) credential {
		return s.jwt(src, func(f *forged) { f.claims["groups"] = strings.Repeat("g", n) })
	}
	return []attack{
		{"17 kB", src, filled(8 << 10), filled(13 << 10), "too_large"},
		{"100 kB", src, filled(4 << 10), filled(75 << 10), "too_large"},
		{"100 kB that are no token", src, s.good(src), func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+strings.Repeat("A", 100<<10))
		}, "too_large"},
	}
}

// signatureAttacks are well-formed tokens whose signature is not one of theirs.
func (s *site) signatureAttacks() []attack {
	const src = srcES256
	ec, _ := s.keys["es256"].(*ecdsa.PrivateKey)
	signed := func(name, source string, sig func() []byte) attack {
		return attack{name, source, s.good(source), s.withSignature(source, sig), "signature"}
	}
	order := pair(ec, ec.Params().N, ec.Params().N)
	halves := func(r, v *big.Int) func() []byte { return func() []byte { return pair(ec, r, v) } }
	return []attack{
		signed("r and s zero", src, func() []byte { return make([]byte, 64) }),
		signed("r and s zero, P-384", srcES384, func() []byte { return make([]byte, 96) }),
		signed("r and s the group's order", src, func() []byte { return order }),
		signed("r zero, s one", src, halves(big.NewInt(0), big.NewInt(1))),
		signed("r one, s zero", src, halves(big.NewInt(1), big.NewInt(0))),
		signed("r and s one", src, halves(big.NewInt(1), big.NewInt(1))),
		signed("one byte", src, func() []byte { return []byte{0} }),
		signed("zeros of Ed25519", srcEd, func() []byte { return make([]byte, 64) }),
		signed("zeros of RSA", srcRS256, func() []byte { return make([]byte, 256) }),
		signed("ones of RSA", srcRS256, func() []byte { return []byte(strings.Repeat("\xff", 256)) }),
		signed("the signature of other claims", src, func() []byte {
			other := s.token(src, set("sub", "another"))
			sig, _ := base64.RawURLEncoding.DecodeString(other[strings.LastIndexByte(other, '.')+1:])
			return sig
		}),
		{"ECDSA in DER", src, s.good(src), s.reSigned(src, func(sig []byte) []byte {
			half := len(sig) / 2
			der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
			if err != nil {
				s.t.Errorf("encoding a signature: %v", err)
			}
			return der
		}), "signature"},
		{"ECDSA with a byte behind", src, s.good(src), s.reSigned(src, func(sig []byte) []byte { return append(sig, 0) }), "signature"},
		{"ECDSA with wider halves", src, s.good(src), s.reSigned(src, func(sig []byte) []byte {
			half := len(sig) / 2
			return append(append([]byte{0}, sig[:half]...), append([]byte{0}, sig[half:]...)...)
		}), "signature"},
		{"ECDSA with its halves swapped", src, s.good(src), s.reSigned(src, func(sig []byte) []byte {
			return append(append([]byte{}, sig[len(sig)/2:]...), sig[:len(sig)/2]...)
		}), "signature"},
		{"other claims under the old signature", src, s.good(src), s.jwtText(src, func(token string) string {
			p := strings.Split(token, ".")
			return p[0] + "." + b64url(string(mustJSON(s.t, claimsWith("role", "admin")))) + "." + p[2]
		}), "signature"},
		{"another header under the old signature", src, s.good(src), s.jwtText(src, func(token string) string {
			p := strings.Split(token, ".")
			return b64url(`{"alg":"ES256"}`) + "." + p[1] + "." + p[2]
		}), "signature"},
		// The last character of 64 bytes has four bits that mean nothing: a
		// second spelling of one signature must not be another token.
		{"the signature in another spelling", src, s.good(src), s.jwtText(src, func(token string) string {
			const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			last := strings.IndexByte(alphabet, token[len(token)-1])
			return token[:len(token)-1] + string(alphabet[last|1])
		}), "malformed"},
	}
}

// reSigned is a good token whose signature is written in another way.
func (s *site) reSigned(source string, change func([]byte) []byte) credential {
	return s.jwtText(source, func(token string) string {
		at := strings.LastIndexByte(token, '.') + 1
		sig, err := base64.RawURLEncoding.DecodeString(token[at:])
		if err != nil {
			s.t.Errorf("decoding a signature: %v", err)
		}
		return token[:at] + b64url(string(change(sig)))
	})
}

func claimsWith(name string, v any) claims {
	c := goodClaims()
	c[name] = v
	return c
}
