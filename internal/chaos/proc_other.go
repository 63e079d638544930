//go:build !linux

package chaos

import "syscall"

// procAttr: outside Linux nothing ends a process when this one is killed. A
// group of its own keeps the terminal's Ctrl-C, which is for us, from it.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
