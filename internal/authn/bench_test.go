package authn

import "testing"

// What remembering a token saves.
func BenchmarkAuthenticate(b *testing.B) {
	for _, key := range []string{"ES256", "ES384", "EdDSA", "RSA"} {
		alg := key
		if key == "RSA" {
			alg = "RS256"
		}
		a := newAuthenticator(b, JWT{Key: pemOf(testKey(key))}).(*jwtAuthenticator)
		r := bearer(goodToken(alg, key))
		b.Run(alg+"/first", func(b *testing.B) {
			for b.Loop() {
				a.seen = seenTokens{}
				if err := a.Authenticate(r, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(alg+"/again", func(b *testing.B) {
			for b.Loop() {
				if err := a.Authenticate(r, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
