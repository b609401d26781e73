#include <Python.h>

static PyObject *upper(PyObject *module, PyObject *text) {
    Py_ssize_t size;
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
    if (bytes == NULL) {
        return NULL;
    }
    char *copy = malloc(PyUnicode_GetLength(text) + 1);
    for (Py_ssize_t i = 0; i <= size; i++) {
        copy[i] = Py_TOUPPER(bytes[i]);
    }
    PyObject *result = PyUnicode_FromString(copy);
    free(copy);
    return result;
}

static PyMethodDef methods[] = {{"upper", upper, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "labels", NULL, -1, methods};
PyMODINIT_FUNC PyInit_labels(void) { return PyModule_Create(&module); }
