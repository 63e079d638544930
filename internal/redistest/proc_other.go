//go:build !linux

package redistest

import "syscall"

// procAttr: outside Linux nothing ends the server when the test binary panics.
func procAttr() *syscall.SysProcAttr { return nil }
