package authn

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// maxKeys bounds a set: a token without a kid may have to be tried with each.
const maxKeys = 32

// errOtherUse marks a JWK that is sound but meant for something else than
// checking signatures. A set may hold such keys; they are left out.
var errOtherUse = errors.New("is not for checking signatures")

// parseKeys reads key material from the config: PEM with one or more public
// keys, a JWK or a JWK Set. Errors hold nothing of it.
func parseKeys(material []byte) ([]publicKey, error) {
	material = bytes.TrimSpace(material)
	switch {
	case len(material) == 0:
		return nil, errors.New("is empty: needs a public key as PEM, JWK or JWK Set")
	case material[0] == '{':
		return parseFixedJSON(material)
	case bytes.Contains(material, []byte("-----BEGIN")):
		return parsePEM(material)
	}
	return nil, errors.New("is neither PEM nor JSON: needs a public key as PEM (-----BEGIN PUBLIC KEY-----), JWK or JWK Set")
}

// parsePEM reads SubjectPublicKeyInfo blocks.
func parsePEM(material []byte) ([]publicKey, error) {
	begun := bytes.Count(material, []byte("-----BEGIN"))
	var keys []publicKey
	for {
		var block *pem.Block
		if block, material = pem.Decode(material); block == nil {
			break
		}
		if block.Type != "PUBLIC KEY" {
			return nil, wrongBlock(block.Type)
		}
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, errors.New("its PUBLIC KEY block holds no public key that can be read")
		}
		algs, kind, err := algorithmsOf(public)
		if err != nil {
			return nil, err
		}
		keys = append(keys, publicKey{algs: algs, kind: kind, public: public})
	}
	if len(keys) != begun {
		// pem.Decode steps over what it cannot read; a key must not vanish so.
		return nil, errors.New("has a damaged PEM block")
	}
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("holds more than %d keys", maxKeys)
	}
	return keys, nil
}

func wrongBlock(kind string) error {
	switch {
	case strings.HasSuffix(kind, "PRIVATE KEY"):
		return errors.New("is a private key, which the relay must not have: give the public one (openssl pkey -pubout), and replace this key if others could read it")
	case strings.HasSuffix(kind, "CERTIFICATE"):
		return errors.New("is a certificate: give its public key (openssl x509 -pubkey -noout)")
	case kind == "RSA PUBLIC KEY":
		return errors.New("is a PKCS #1 key: give it as SPKI (openssl rsa -RSAPublicKey_in -pubout)")
	}
	return errors.New("has a PEM block that is no PUBLIC KEY")
}

// parseFixedJSON reads a JWK or JWK Set from the config. Unlike in a fetched
// set, a key that is wrong is an error: somebody is there to mend it.
func parseFixedJSON(material []byte) ([]publicKey, error) {
	members, isSet, err := splitJWKS(material)
	if err != nil {
		return nil, err
	}
	var keys []publicKey
	for i, m := range members {
		k, err := parseJWK(m)
		switch {
		case err == nil:
			keys = append(keys, k)
		case isSet && errors.Is(err, errOtherUse):
		case isSet:
			return nil, fmt.Errorf("keys[%d] %w", i, err)
		default:
			return nil, err
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("holds no key for checking signatures")
	}
	return keys, nil
}

// splitJWKS returns the members of a JWK Set, or the one JWK.
func splitJWKS(data []byte) (members []json.RawMessage, isSet bool, err error) {
	o, err := parseObject(data)
	if err != nil {
		return nil, false, fmt.Errorf("is %w", err)
	}
	raw, isSet := o["keys"]
	if !isSet {
		return []json.RawMessage{data}, false, nil
	}
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return nil, true, errors.New("keys is not an array")
	}
	if len(members) > maxKeys {
		return nil, true, fmt.Errorf("holds more than %d keys", maxKeys)
	}
	return members, true, nil
}

// parseJWK reads one JWK. Its errors continue a sentence that names the key.
func parseJWK(data []byte) (publicKey, error) {
	o, err := parseObject(data)
	if err != nil {
		return publicKey{}, fmt.Errorf("is %w", err)
	}
	var kty string
	if o.text("kty", &kty) != nil {
		return publicKey{}, errors.New("has no kty: not a JWK")
	}
	if kty == "oct" || o["k"] != nil {
		return publicKey{}, errors.New("is a symmetric key (oct): HMAC is never accepted")
	}
	if o["d"] != nil {
		return publicKey{}, errors.New("is a private key (it has d), which the relay must not have: give the public one, and replace this key if others could read it")
	}
	if err := checkUse(o); err != nil {
		return publicKey{}, err
	}
	public, err := rawKey(o)
	if err != nil {
		return publicKey{}, err
	}
	algs, kind, err := algorithmsOf(public)
	if err != nil {
		return publicKey{}, err
	}
	k := publicKey{algs: algs, kind: kind, public: public}
	if o["kid"] != nil && o.text("kid", &k.kid) != nil {
		return publicKey{}, errors.New("has a kid that is not a string")
	}
	if o["alg"] == nil {
		return k, nil
	}
	var alg string
	if err := o.text("alg", &alg); err != nil {
		return publicKey{}, errors.New("has an alg that is not a string")
	}
	narrowed := narrow([]publicKey{k}, []string{alg})
	if len(narrowed) == 0 {
		return publicKey{}, fmt.Errorf("has an alg that does not fit its type, %s", kind)
	}
	return narrowed[0], nil
}

// checkUse returns errOtherUse for keys to encrypt with, or to sign with only.
func checkUse(o object) error {
	if o["use"] != nil {
		var use string
		if o.text("use", &use) != nil || use != "sig" {
			return errOtherUse
		}
	}
	if o["key_ops"] != nil && !bytes.Contains(o["key_ops"], []byte(`"verify"`)) {
		return errOtherUse
	}
	return nil
}

// rawKey has jwx decode the key. It is shown what makes the key and nothing
// else, so that no x5u or x5c can matter.
func rawKey(o object) (any, error) {
	numbers := object{}
	for _, name := range []string{"kty", "crv", "x", "y", "n", "e"} {
		if raw, ok := o[name]; ok {
			numbers[name] = raw
		}
	}
	data, err := json.Marshal(numbers)
	if err != nil {
		return nil, errors.New("is not a JWK that can be read")
	}
	key, err := jwk.ParseKey(data)
	if err != nil { // its text quotes the input
		return nil, errors.New("is not a JWK that can be read: needs kty EC, RSA or OKP with all its members")
	}
	var public any
	if err := key.Raw(&public); err != nil {
		return nil, errors.New("is not a JWK that can be read")
	}
	return public, nil
}
