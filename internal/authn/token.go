package authn

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// maxToken bounds a token, in bytes, before anything looks into it.
const maxToken = 16 << 10

// compactParts are the three segments of a JWS in compact form, still encoded.
type compactParts struct {
	header, payload, signature string
	signed                     string // header.payload
}

// token is a JWS whose signature nobody has checked yet.
type token struct {
	alg, kid  string
	signed    []byte // what the signature is over
	payload   []byte
	signature []byte
}

// splitCompact accepts exactly the compact form: three non-empty segments of
// base64url without padding. The JSON forms of a JWS, encrypted tokens and
// blanks anywhere are refused before any parser sees them.
func splitCompact(text string) (compactParts, *Failure) {
	if len(text) > maxToken {
		return compactParts{}, fail(ReasonTooLarge, "the token is larger than 16 KiB")
	}
	segment, start := 0, 0
	var dots [2]int
	for i := range len(text) {
		c := text[i]
		switch {
		case c == '.':
			if segment == 2 || i == start {
				return compactParts{}, notCompact()
			}
			dots[segment] = i
			segment, start = segment+1, i+1
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return compactParts{}, notCompact()
		}
	}
	if segment != 2 || start == len(text) {
		return compactParts{}, notCompact()
	}
	return compactParts{
		header:    text[:dots[0]],
		payload:   text[dots[0]+1 : dots[1]],
		signature: text[dots[1]+1:],
		signed:    text[:dots[1]],
	}, nil
}

func notCompact() *Failure {
	return fail(ReasonMalformed, "the token is not three base64url segments without padding")
}

// token decodes the segments and reads the header. Of the header only alg, kid
// and crit count: jku, jwk, x5u and x5c are neither fetched nor trusted.
func (p compactParts) token() (*token, *Failure) {
	var decoded [3][]byte
	for i, segment := range []string{p.header, p.payload, p.signature} {
		var err error
		// Strict: a signature has one spelling only.
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(segment); err != nil {
			return nil, notCompact()
		}
	}
	header, err := parseObject(decoded[0])
	if err != nil {
		return nil, &Failure{Reason: ReasonMalformed, Err: errors.New("token header: " + err.Error())}
	}
	// b64 changes what the signature is over, and means nothing without crit.
	for _, name := range []string{"crit", "b64"} {
		if _, ok := header[name]; ok {
			return nil, fail(ReasonCritical, "the token's header has "+name)
		}
	}
	t := &token{signed: []byte(p.signed), payload: decoded[1], signature: decoded[2]}
	if err := header.text("alg", &t.alg); err != nil || t.alg == "" {
		return nil, fail(ReasonMalformed, "token header: alg is not a non-empty string")
	}
	if _, ok := header["kid"]; ok {
		if err := header.text("kid", &t.kid); err != nil {
			return nil, fail(ReasonMalformed, "token header: kid is not a string")
		}
	}
	return t, nil
}

// object is a JSON object whose names are compared exactly and occur once:
// encoding/json would take "EXP" for exp, and the last of two.
type object map[string]json.RawMessage

// parseObject reads one JSON object. Its errors hold nothing of data.
func parseObject(data []byte) (object, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not valid UTF-8")
	}
	notObject := errors.New("not a JSON object")
	dec := json.NewDecoder(bytes.NewReader(data))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil, notObject
	}
	o := object{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, notObject
		}
		key, ok := name.(string)
		if !ok {
			return nil, notObject
		}
		if _, twice := o[key]; twice {
			return nil, errors.New("a name occurs twice")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, notObject
		}
		o[key] = value
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return nil, notObject
	}
	if strings.TrimSpace(string(data[dec.InputOffset():])) != "" {
		return nil, errors.New("something follows the JSON object")
	}
	return o, nil
}

// text reads the string at name into s. A missing name, null and any other
// type are errors.
func (o object) text(name string, s *string) error {
	raw := o[name]
	if len(raw) == 0 || raw[0] != '"' {
		return errors.New(name + " is not a string")
	}
	return json.Unmarshal(raw, s)
}
