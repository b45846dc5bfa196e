! SPDX-License-Identifier: GPL-2.0
! usage: stream_read [FILE] - the default ring to stdout.  The calls are libc's:
! Fortran's own files may seek, and a stream cannot.
program stream_read
  use, intrinsic :: iso_c_binding
  use, intrinsic :: iso_fortran_env, only: error_unit
  implicit none
  integer(c_int), parameter :: o_rdonly = 0
  character(kind=c_char, len=65536) :: buffer
  character(len=4096) :: name = '/dev/ringbuf'
  integer(c_int) :: fd
  integer(c_size_t) :: n, done, put

  interface
    function c_open(path, flags) bind(c, name='open')
      import
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int), value :: flags
      integer(c_int) :: c_open
    end function
    function c_read(fd, to, bytes) bind(c, name='read')
      import
      integer(c_int), value :: fd
      character(kind=c_char), intent(out) :: to(*)
      integer(c_size_t), value :: bytes
      integer(c_size_t) :: c_read
    end function
    function c_write(fd, from, bytes) bind(c, name='write')
      import
      integer(c_int), value :: fd
      character(kind=c_char), intent(in) :: from(*)
      integer(c_size_t), value :: bytes
      integer(c_size_t) :: c_write
    end function
  end interface

  if (command_argument_count() > 0) call get_command_argument(1, name)
  fd = c_open(trim(name) // c_null_char, o_rdonly)
  if (fd < 0) call fail(trim(name))
  do
    do
      n = c_read(fd, buffer, len(buffer, c_size_t))
      if (n >= 0 .or. ierrno() /= 4) exit ! EINTR
    end do
    if (n < 0) call fail(trim(name))
    if (n == 0) exit
    done = 0
    do while (done < n)
      put = c_write(1, buffer(done + 1:n), n - done)
      if (put < 0 .and. ierrno() /= 4) call fail('stdout')
      if (put > 0) done = done + put
    end do
  end do

contains

  subroutine fail(what)
    character(len=*), intent(in) :: what
    character(len=128) :: reason
    call gerror(reason)
    write (error_unit, '(a)') what // ': ' // trim(reason)
    stop 1
  end subroutine
end program
