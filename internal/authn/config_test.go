package authn

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

func pemBlock(kind string, der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// Key material that is refused, with what the error says.
func TestKeyMaterialErrors(t *testing.T) {
	ec := testKey("ES256").(*ecdsa.PrivateKey)
	rsaKey := testKey("RSA").(*rsa.PrivateKey)
	privateBytes, err := ec.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	d := `"` + b64(privateBytes) + `"`

	pkcs8, errPKCS8 := x509.MarshalPKCS8PrivateKey(ec)
	sec1, errSEC1 := x509.MarshalECPrivateKey(ec)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "p0"}}
	certificate, errCertificate := x509.CreateCertificate(rand.Reader, template, template, ec.Public(), ec)
	x25519, errX25519 := ecdh.X25519().GenerateKey(rand.Reader)
	if errX25519 != nil {
		t.Fatal(errX25519)
	}
	x25519SPKI, errSPKI := x509.MarshalPKIXPublicKey(x25519.PublicKey())
	good := string(pemOf(ec))

	for _, tt := range []struct {
		name     string
		material string
		want     string
	}{
		{"empty", "", "needs one of key, key_file and jwks_url"},
		{"blank", " \n", "is empty"},
		{"prose", "see the wiki", "neither PEM nor JSON"},
		{"a secret", "hunter2", "neither PEM nor JSON"},
		{"private key", string(pemBlock("PRIVATE KEY", pkcs8, errPKCS8)), "is a private key"},
		{"EC private key", string(pemBlock("EC PRIVATE KEY", sec1, errSEC1)), "is a private key"},
		{"RSA private key", string(pemBlock("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil)), "is a private key"},
		{"encrypted private key", string(pemBlock("ENCRYPTED PRIVATE KEY", []byte("x"), nil)), "is a private key"},
		{"OpenSSH private key", string(pemBlock("OPENSSH PRIVATE KEY", []byte("x"), nil)), "is a private key"},
		{"private key after the public one", good + string(pemBlock("PRIVATE KEY", pkcs8, errPKCS8)), "is a private key"},
		{"certificate", string(pemBlock("CERTIFICATE", certificate, errCertificate)), "is a certificate"},
		{"PKCS #1", string(pemBlock("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), nil)), "PKCS #1"},
		{"EC parameters", string(pemBlock("EC PARAMETERS", []byte("x"), nil)), "no PUBLIC KEY"},
		{"rubbish in the block", string(pemBlock("PUBLIC KEY", []byte("hunter2hunter2"), nil)), "holds no public key"},
		{"cut PEM", good[:len(good)/2], "damaged"},
		{"cut PEM before a good one", good[:len(good)/2] + "\n" + good, "damaged"},
		{"cut PEM after a good one", good + good[:len(good)/2], "damaged"},
		{"too many PEM blocks", strings.Repeat(good, maxKeys+1), "more than 32"},
		{"P-224", string(pemOf(testKey("ES224"))), "curve that is not accepted"},
		{"X25519", string(pemBlock("PUBLIC KEY", x25519SPKI, errSPKI)), "cannot verify"},
		{"RSA of 1024 bits", string(pemOf(testKey("RSA1024"))), "1024 bits"},

		{"no JSON", "{", "is not a JSON object"},
		{"JSON of something else", `{"a":1}`, "no kty"},
		{"oct JWK", `{"kty":"oct","k":"aHVudGVyMg"}`, "HMAC is never accepted"},
		{"EC JWK with k", jwkOf(ec, raw{"k": `"aHVudGVyMg"`}), "HMAC is never accepted"},
		{"private JWK", jwkOf(ec, raw{"d": d}), "is a private key"},
		{"private RSA JWK", jwkOf(rsaKey, raw{"d": `"AA"`}), "is a private key"},
		{"JWK with a null d", jwkOf(ec, raw{"d": "null"}), "is a private key"},
		{"RSA JWK of 1024 bits", jwkOf(testKey("RSA1024"), nil), "1024 bits"},
		{"RSA JWK with e 1", jwkOf(rsaKey, raw{"e": `"AQ"`}), "exponent"},
		{"RSA JWK without n", jwkOf(rsaKey, raw{"n": ""}), "is not a JWK that can be read"},
		{"EC JWK off its curve", jwkOf(ec, raw{"y": `"AAAA"`}), "not a point"},
		{"EC JWK on another curve", jwkOf(ec, raw{"crv": `"P-384"`}), "not a point"},
		{"EC JWK on an unknown curve", jwkOf(ec, raw{"crv": `"secp256k1"`}), "is not a JWK that can be read"},
		{"X25519 JWK", jwkOf(testKey("EdDSA"), raw{"crv": `"X25519"`}), "cannot verify"},
		{"short Ed25519 JWK", jwkOf(testKey("EdDSA"), raw{"x": `"AAAA"`}), "wrong length"},
		{"unknown kty", `{"kty":"AKP","pub":"AA"}`, "is not a JWK that can be read"},
		{"JWK to encrypt with", jwkOf(rsaKey, raw{"use": `"enc"`}), "not for checking signatures"},
		{"JWK that only signs", jwkOf(ec, raw{"key_ops": `["sign"]`}), "not for checking signatures"},
		{"JWK with alg HS256", jwkOf(rsaKey, raw{"alg": `"HS256"`}), "does not fit its type, RSA"},
		{"JWK with another type's alg", jwkOf(ec, raw{"alg": `"ES384"`}), "does not fit its type, EC P-256"},
		{"JWK with a list of algs", jwkOf(ec, raw{"alg": `["ES256"]`}), "alg that is not a string"},
		{"JWK with a number as kid", jwkOf(ec, raw{"kid": "1"}), "kid that is not a string"},

		{"JWKS is no array", `{"keys":{}}`, "keys is not an array"},
		{"JWKS is null", `{"keys":null}`, "keys is not an array"},
		{"empty JWKS", `{"keys":[]}`, "holds no key for checking"},
		{"JWKS to encrypt with", jwksOf(jwkOf(rsaKey, raw{"use": `"enc"`})), "holds no key for checking"},
		{"oct in JWKS", jwksOf(jwkOf(ec, nil), `{"kty":"oct","k":"aHVudGVyMg"}`), "keys[1] is a symmetric key"},
		{"private key in JWKS", jwksOf(jwkOf(ec, raw{"d": d})), "keys[0] is a private key"},
		{"no object in JWKS", jwksOf(`"x"`), "keys[0] is not a JSON object"},
		{"too large JWKS", jwksOf(strings.Split(strings.Repeat("{}-", maxKeys)+"{}", "-")...), "more than 32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for key, c := range map[string]JWT{
				"jwt.key_file": {KeyFile: "p0.pem", Key: []byte(tt.material)},
				"jwt.key":      {Key: []byte(tt.material)},
			} {
				if tt.material == "" && c.KeyFile != "" {
					continue
				}
				err := Config{JWT: &c}.Validate()
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("error %v, want it to say %q", err, tt.want)
				}
				if tt.material != "" && !strings.HasPrefix(err.Error(), key+": ") {
					t.Errorf("error %q does not begin with %s", err, key)
				}
				for _, piece := range []string{"hunter2", "aHVudGVyMg", d[1:20], good[40:60]} {
					if strings.Contains(err.Error(), piece) {
						t.Errorf("the error repeats the material: %v", err)
					}
				}
				if _, newErr := New(Config{JWT: &c}, Options{}); newErr == nil || newErr.Error() != err.Error() {
					t.Errorf("New says %v, Validate %v", newErr, err)
				}
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	key := pemOf(testKey("ES256"))
	rsaPEM := pemOf(testKey("RSA"))
	for _, tt := range []struct {
		name string
		c    Config
		want string
	}{
		{"no method", Config{}, "needs exactly one method (jwt, bearer, header, basic, hmac), has 0"},
		{"no key", Config{JWT: &JWT{}}, "jwt: needs one of"},
		{"key and key_file", Config{JWT: &JWT{KeyInline: "x", KeyFile: "y"}}, "jwt: key, key_file and jwks_url exclude"},
		{"key and jwks_url", Config{JWT: &JWT{KeyInline: "x", JWKSURL: "https://x"}}, "exclude"},
		{"loaded key and jwks_url", Config{JWT: &JWT{Key: key, JWKSURL: "https://x"}}, "exclude"},
		{"empty key file", Config{JWT: &JWT{KeyFile: "p0.pem"}}, "jwt.key_file: is empty"},
		{"HS256", Config{JWT: &JWT{Key: key, Algorithms: []string{"ES256", "HS256"}}}, "jwt.algorithms: HS256 is never accepted"},
		{"none", Config{JWT: &JWT{Key: key, Algorithms: []string{"none"}}}, "jwt.algorithms: none is never accepted"},
		{"None", Config{JWT: &JWT{Key: key, Algorithms: []string{"None"}}}, "jwt.algorithms: None is never accepted"},
		{"HS512 with a URL", Config{JWT: &JWT{JWKSURL: "https://x", Algorithms: []string{"HS512"}}}, "HS512 is never accepted"},
		{"unknown algorithm", Config{JWT: &JWT{Key: key, Algorithms: []string{"es256"}}}, `jwt.algorithms: "es256" is not known: choose from ES256 ES384`},
		{"secp256k1", Config{JWT: &JWT{Key: key, Algorithms: []string{"ES256K"}}}, "is not known"},
		{"algorithm of another type", Config{JWT: &JWT{Key: rsaPEM, Algorithms: []string{"ES256"}}}, "jwt.algorithms: none fits the key: RSA allows RS256"},
		{"algorithm of another curve", Config{JWT: &JWT{Key: key, Algorithms: []string{"ES384"}}}, "EC P-256 allows ES256"},
		{"leeway above 1h", Config{JWT: &JWT{Key: key, Leeway: new(time.Hour + 1)}}, "jwt.leeway: must be at most 1h"},
		{"leeway below 0", Config{JWT: &JWT{Key: key, Leeway: new(-time.Second)}}, "jwt.leeway: must not be negative"},
		{"http", Config{JWT: &JWT{JWKSURL: "http://idp.example.com/jwks"}}, "jwt.jwks_url: must be https"},
		{"http to a name like loopback", Config{JWT: &JWT{JWKSURL: "http://localhost.example.com/"}}, "must be https"},
		{"http to a private address", Config{JWT: &JWT{JWKSURL: "http://10.0.0.1/"}}, "must be https"},
		{"file", Config{JWT: &JWT{JWKSURL: "file:///etc/passwd"}}, "jwt.jwks_url: is not a URL"},
		{"ftp", Config{JWT: &JWT{JWKSURL: "ftp://idp.example.com/jwks"}}, "must be https"},
		{"no host", Config{JWT: &JWT{JWKSURL: "https:///jwks"}}, "is not a URL"},
		{"no URL", Config{JWT: &JWT{JWKSURL: "https://h:port hunter2"}}, "is not a URL"},
		{"password", Config{JWT: &JWT{JWKSURL: "https://u:hunter2@idp.example.com/"}}, "must not hold a user"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.c.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want it to say %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats a secret: %v", err)
			}
		})
	}
}

func TestGoodConfigs(t *testing.T) {
	key := pemOf(testKey("ES256"))
	set := jwksOf(jwkOf(testKey("ES256"), nil), jwkOf(testKey("RSA"), raw{"use": `"enc"`}))
	for name, c := range map[string]JWT{
		"inline":                     {KeyInline: string(key)},
		"inline, loaded":             {KeyInline: string(key), Key: key},
		"file":                       {KeyFile: "p0.pem", Key: key},
		"set with a key to encrypt":  {Key: []byte(set)},
		"one of two algorithms fits": {Key: key, Algorithms: []string{"ES256", "RS256"}},
		"leeway of 1h":               {Key: key, Leeway: new(time.Hour)},
		"https":                      {JWKSURL: "https://idp.example.com/jwks?x=1"},
		"http to 127.0.0.1":          {JWKSURL: "http://127.0.0.1:8000/jwks"},
		"http to ::1":                {JWKSURL: "http://[::1]/jwks"},
		"http to localhost":          {JWKSURL: "http://localhost/jwks"},
	} {
		if err := (Config{JWT: &c}).Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The keys are those of the file's format, unknown ones are errors.
func TestConfigFromYAML(t *testing.T) {
	const text = `
jwt:
  key_file: p0-public.pem
  algorithms: [ES384]
  issuer: p0
  audience: acme
  subject: my-notifier-service
  leeway: 45s
`
	var got Config
	if err := yaml.UnmarshalWithOptions([]byte(text), &got, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	want := Config{JWT: &JWT{
		KeyFile: "p0-public.pem", Algorithms: []string{"ES384"},
		Issuer: "p0", Audience: "acme", Subject: "my-notifier-service", Leeway: new(45 * time.Second),
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v", got.JWT)
	}
	for _, wrong := range []string{"jwt: {secret: x}", "oauth: {}"} {
		if err := yaml.UnmarshalWithOptions([]byte(wrong), &Config{}, yaml.Strict()); err == nil {
			t.Errorf("%s: no error", wrong)
		}
	}
}
