package dashboard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"accessrelay/internal/secret"
)

// authenticate lets only those through who know the password, and everybody
// when there is none. It takes the same time whatever is wrong.
func authenticate(username string, password secret.String, next http.Handler) http.Handler {
	if password.IsZero() {
		return next
	}
	wantUser, wantPass := sha256.Sum256([]byte(username)), sha256.Sum256([]byte(password.Reveal()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		gotUser, gotPass := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(pass))
		ok := subtle.ConstantTimeCompare(gotPass[:], wantPass[:])
		if username != "" {
			ok &= subtle.ConstantTimeCompare(gotUser[:], wantUser[:])
		}
		if ok != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="accessrelay dashboard", charset="UTF-8"`)
			http.Error(w, "a password is needed", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func secureHeaders(policy string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
