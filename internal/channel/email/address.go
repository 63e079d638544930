package email

import (
	"fmt"
	"net/mail"
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"accessrelay/internal/handlebars"
)

// Lengths are RFC 5321's, 4.5.3.1.
const (
	maxLocal   = 64
	maxAddress = 254
	maxHost    = 253
	maxName    = 100 // of a sender, in bytes
	maxSubject = 4096
)

var (
	label = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)
	// dotAtom is what a mailbox's name is written in nearly always. The rest would
	// have to be quoted wherever it is used.
	dotAtom = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")
)

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// checkHost returns what is wrong with s as the name of a server, or "". Where
// it may be is judged when it is dialled.
func checkHost(s string) string {
	const want = "must be a host name or an IP address, such as smtp.example.com"
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Zone() != "" {
			return "must not name a zone"
		}
		return ""
	}
	switch {
	case strings.Contains(s, "://"):
		return want + ", without a scheme"
	case strings.Contains(s, "@"):
		return want + ", without a user name"
	case strings.HasPrefix(s, "["):
		return want + ", without brackets"
	case strings.Contains(s, ":"):
		return want + "; the port goes into smtp_port"
	}
	return checkDomain(strings.TrimSuffix(s, "."), want)
}

func checkDomain(s, want string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
		return want + ", in its ASCII form (xn--…)"
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if !label.MatchString(l) {
			return want
		}
	}
	if last := labels[len(labels)-1]; len(s) > maxHost || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return want // 10.1, 0x7f000001: some resolvers take these for addresses
	}
	return ""
}

// checkAddress returns what is wrong with s as a bare address, or "".
func checkAddress(s string) string {
	const want = "must be an address such as security@example.com"
	local, domain, ok := strings.Cut(s, "@")
	switch {
	case !ok || len(s) > maxAddress || len(local) > maxLocal:
		return want
	case strings.ContainsFunc(local, func(r rune) bool { return r > unicode.MaxASCII }):
		return want + ", in ASCII"
	case !dotAtom.MatchString(local):
		return want
	}
	if problem := checkDomain(domain, want); problem != "" {
		return problem
	}
	if parsed, err := mail.ParseAddress(s); err != nil || parsed.Address != s || parsed.Name != "" {
		return want
	}
	return ""
}

// parseFrom reads an address that may have a name before it.
func parseFrom(s string) (from mail.Address, problem string) {
	const want = "must be an address such as relay@example.com or Access relay <relay@example.com>, the name in quotes if it has commas or dots"
	parsed, err := mail.ParseAddress(s)
	switch {
	case hasControl(s):
		return from, "must not hold line breaks and control characters"
	case err != nil:
		return from, want
	case len(parsed.Name) > maxName || hasControl(parsed.Name):
		return from, "must have a name of at most 100 bytes, without control characters"
	}
	if problem := checkAddress(parsed.Address); problem != "" {
		return from, problem
	}
	return *parsed, ""
}

// checkRecipients names each entry that is wrong by its place, not by what it holds.
func checkRecipients(list []string) string {
	var problems []string
	seen := map[string]bool{}
	for i, s := range list {
		problem := checkAddress(s)
		key := strings.ToLower(s)
		if problem == "" && seen[key] {
			problem = "is there twice"
		}
		if problem != "" {
			problems = append(problems, fmt.Sprintf("entry %d %s", i+1, problem))
		}
		seen[key] = true
	}
	return strings.Join(problems, "; ")
}

// parseSubject's error names the line and holds nothing but names of the template.
func parseSubject(s string) (*handlebars.Template, error) {
	if len(s) > maxSubject {
		return nil, fmt.Errorf("must not be longer than %d bytes", maxSubject)
	}
	return handlebars.Parse(s, handlebars.Line)
}
