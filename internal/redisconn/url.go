package redisconn

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPort         = "6379"
	defaultSentinelPort = "26379"
)

type kind int

const (
	single kind = iota
	sentinel
	cluster
)

var schemes = map[string]struct {
	kind kind
	tls  bool
}{
	"redis":           {single, false},
	"rediss":          {single, true},
	"redis-sentinel":  {sentinel, false},
	"rediss-sentinel": {sentinel, true},
	"redis-cluster":   {cluster, false},
	"rediss-cluster":  {cluster, true},
}

// target is a Redis URL taken apart. It is parsed by hand because net/url knows
// one host only, and because its errors quote what they do not understand: of
// a password with an unescaped slash that is the password.
type target struct {
	kind             kind
	tls              bool
	hosts            []string // host:port, at least one
	hasUser          bool
	username, passwd string
	master           string // of a sentinel
	db               int
	query            url.Values

	manner manner // not of the URL: see Option
}

var errEscape = errors.New("cannot be read; special characters of the password must be percent-encoded")

// parse takes rawURL apart. Its errors quote nothing of what may be a password.
func parse(rawURL string) (*target, error) {
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok {
		return nil, errors.New("has no scheme; want redis://host:port/db")
	}
	s, ok := schemes[scheme]
	if !ok {
		return nil, errors.New("has an unknown scheme; want redis, rediss, redis-sentinel, redis-cluster, rediss-sentinel or rediss-cluster")
	}
	t := &target{kind: s.kind, tls: s.tls}

	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	if strings.ContainsAny(tail, "@#") {
		return nil, errEscape
	}
	if err := t.parseAuthority(authority); err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(tail, "?")
	if err := t.parsePath(path); err != nil {
		return nil, err
	}
	var err error
	if t.query, err = url.ParseQuery(query); err != nil {
		return nil, errors.New("has a malformed query")
	}
	return t, nil
}

func (t *target) parseAuthority(s string) error {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		user, passwd, _ := strings.Cut(s[:i], ":")
		var err1, err2 error
		t.hasUser = true
		t.username, err1 = url.PathUnescape(user)
		t.passwd, err2 = url.PathUnescape(passwd)
		if err1 != nil || err2 != nil {
			return errEscape
		}
		s = s[i+1:]
	}
	hosts := strings.Split(s, ",")
	if t.kind == single && len(hosts) > 1 {
		return errors.New("names several hosts; that is for redis-sentinel:// and redis-cluster://")
	}
	for _, h := range hosts {
		hp, err := hostPort(h, t.defaultPort())
		if err != nil {
			return err
		}
		t.hosts = append(t.hosts, hp)
	}
	return nil
}

func (t *target) defaultPort() string {
	if t.kind == sentinel {
		return defaultSentinelPort
	}
	return defaultPort
}

// hostPort completes s to host:port.
func hostPort(s, port string) (string, error) {
	host := s
	if h, p, err := net.SplitHostPort(s); err == nil {
		host, port = h, p
	} else if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		host = strings.TrimSuffix(inner, "]")
	} else if strings.Contains(s, ":") {
		return "", errEscape
	}
	if host == "" {
		return "", errors.New("names no host")
	}
	if strings.ContainsAny(host, " \t\r\n\\\"'[]%") {
		return "", errEscape
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", errors.New("has a port that is not a number from 1 to 65535; special characters of the password must be percent-encoded")
	}
	return net.JoinHostPort(host, port), nil
}

// parsePath reads /db, or of a sentinel /master-name[/db].
func (t *target) parsePath(p string) error {
	segments := strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
	if t.kind == sentinel {
		if len(segments) == 0 {
			return errors.New("names no master; want redis-sentinel://host1,host2/master-name")
		}
		master, err := url.PathUnescape(segments[0])
		if err != nil {
			return errors.New("has a malformed master's name")
		}
		t.master, segments = master, segments[1:]
	}
	switch {
	case len(segments) == 0:
		return nil
	case t.kind == cluster:
		return errors.New("names a database; a cluster has only one")
	case len(segments) > 1:
		return errors.New("has a path of too many parts; want one database number")
	}
	var err error
	if t.db, err = strconv.Atoi(segments[0]); err != nil || t.db < 0 {
		return errors.New("has a database that is not a number")
	}
	return nil
}

// take removes a query option that go-redis does not know and returns its value.
func (t *target) take(key string) string {
	v := t.query.Get(key)
	t.query.Del(key)
	return v
}

// refuse says which of keys is among the query options.
func (t *target) refuse(keys ...string) error {
	for _, k := range keys {
		if t.query.Has(k) {
			return fmt.Errorf("has the query option %s, which is not taken here", k)
		}
	}
	return nil
}

// badOption finds the query option that ok refuses. Its name is only given when
// it looks like one.
func (t *target) badOption(ok func(url.Values) bool) error {
	keys := make([]string, 0, len(t.query))
	for k := range t.query {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if ok(url.Values{k: t.query[k]}) {
			continue
		}
		if strings.Trim(k, "abcdefghijklmnopqrstuvwxyz_0123456789") != "" {
			break
		}
		return fmt.Errorf("has the query option %s, which is unknown or has a bad value", k)
	}
	return errors.New("has a query option that is unknown or has a bad value")
}
