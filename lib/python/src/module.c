// SPDX-License-Identifier: LGPL-2.1-or-later
/* The module ringbuffer._ringbuf. */
#include "package.h"

static const struct {
	const char *name;
	PyTypeObject *type;
} types[] = {
	{ "Ring", &rp_ring_type },	 { "Handle", &rp_handle_type },
	{ "Reader", &rp_reader_type },	 { "Writer", &rp_writer_type },
	{ "Slot", &rp_slot_type },	 { "Control", &rp_control_type },
	{ "Pointer", &rp_pointer_type }, { "RingBuffer", &rp_dropin_type },
	{ "Watch", &rp_watch_type },
};

static int add_types(PyObject *module)
{
	size_t i;

	for (i = 0; i < RP_ARRAY_SIZE(types); i++) {
		if (PyType_Ready(types[i].type))
			return -1;
		Py_INCREF(types[i].type);
		if (PyModule_AddObject(module, types[i].name, (PyObject *)types[i].type))
			return -1;
	}
	return PyModule_AddStringConstant(module, "library_version", ringbuf_version());
}

static const struct {
	PyObject **exception;
	const char *name;
} exceptions[] = {
	{ &rp_exc_waiting_writer, "WaitingForWriterError" },
	{ &rp_exc_waiting_reader, "WaitingForReaderError" },
	{ &rp_exc_read_timeout, "ReadTimeoutError" },
	{ &rp_exc_write_timeout, "WriteTimeoutError" },
};

static int find_exceptions(void)
{
	PyObject *errors = PyImport_ImportModule("ringbuffer._errors");
	size_t i;

	if (!errors)
		return -1;
	for (i = 0; i < RP_ARRAY_SIZE(exceptions); i++) {
		Py_XDECREF(*exceptions[i].exception);
		*exceptions[i].exception = PyObject_GetAttrString(errors, exceptions[i].name);
		if (!*exceptions[i].exception)
			break;
	}
	Py_DECREF(errors);
	return i == RP_ARRAY_SIZE(exceptions) ? 0 : -1;
}

/*
 * Types and exceptions exist once in a process.  In a second interpreter they
 * would be objects of the first one, and no "except" there would know them.
 */
static int module_exec(PyObject *module)
{
	if (PyThreadState_Get()->interp != PyInterpreterState_Main()) {
		PyErr_SetString(PyExc_ImportError,
				"ringbuffer works in the main interpreter of a process only");
		return -1;
	}
	return find_exceptions() || add_types(module) ? -1 : 0;
}

static PyObject *module_asarray(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
				PyObject *kwnames)
{
	static const char *const names[] = { "buffer", "dtype", "shape" };
	PyObject *arg[3];

	(void)module;
	if (rp_args(names, 3, 1, args, nargs, kwnames, arg))
		return NULL;
	return rp_asarray(arg[0], arg[1], arg[2]);
}

static PyMethodDef methods[] = {
	{ "asarray", RP_FAST(module_asarray), METH_FASTCALL | METH_KEYWORDS,
	  "asarray($module, /, buffer, dtype='u1', shape=None)\n--\n\n"
	  "An array on the memory of a slot or a memoryview, copying nothing.\n\n"
	  "The array counts as a view of the slot: a reserved slot cannot be committed\n"
	  "before it is gone, and a peeked one goes back then.  Without a shape it is\n"
	  "one-dimensional and takes all there is.  On a reserved slot the length of\n"
	  "the message becomes that of the array." },
	{ NULL },
};

static PyModuleDef_Slot slots[] = {
	{ Py_mod_exec, module_exec },
#ifdef Py_mod_multiple_interpreters
	{ Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED },
#endif
	{ 0, NULL },
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "ringbuffer._ringbuf",
	.m_doc = "libringbuf for Python; use the package ringbuffer.",
	.m_methods = methods,
	.m_slots = slots,
};

/* Before 3.9 the macro says nothing of visibility. */
__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit__ringbuf(void)
{
	return PyModuleDef_Init(&definition);
}
