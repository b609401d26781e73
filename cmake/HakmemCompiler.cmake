# Enables C, or says which package to install. HAKMEM_C_FLAGS are what every C file is compiled with.
include(CheckLanguage)
check_language(C)
if(NOT CMAKE_C_COMPILER)
  message(FATAL_ERROR
    "HAKMEM needs a C compiler with the C library's headers, and none was found that works.\n"
    "Install one and try again:\n"
    "  Debian, Ubuntu:  apt-get install build-essential   (or: gcc libc6-dev)\n"
    "  Fedora, RHEL:    dnf install gcc glibc-devel\n"
    "  Alpine:          apk add gcc musl-dev\n"
    "  Arch:            pacman -S gcc\n"
    "A compiler in an unusual place is named by the environment variable CC.")
endif()
enable_language(C)

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  message(FATAL_ERROR "HAKMEM is for Linux; this system is ${CMAKE_SYSTEM_NAME}.")
endif()

# The flags are those below and the user's CFLAGS; a build type adds none of its own.
foreach(type IN ITEMS RELEASE DEBUG RELWITHDEBINFO MINSIZEREL)
  set(CMAKE_C_FLAGS_${type} "")
endforeach()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# -fno-builtin: an optimiser must not turn calloc into a call of itself.
# initial-exec: the thread's pointer is read without a call, which might allocate.
set(HAKMEM_C_FLAGS
  -std=c11 -fPIC -fvisibility=hidden -fno-builtin -fno-semantic-interposition -ftls-model=initial-exec
  -Wall -Wextra)
if(HAKMEM_SANITIZE STREQUAL "address")
  set(HAKMEM_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
elseif(HAKMEM_SANITIZE STREQUAL "thread")
  set(HAKMEM_SANITIZE_FLAGS -fsanitize=thread -fno-omit-frame-pointer)
elseif(HAKMEM_SANITIZE AND NOT HAKMEM_SANITIZE STREQUAL "off")
  message(FATAL_ERROR "HAKMEM_SANITIZE is ${HAKMEM_SANITIZE}; it must be off, address or thread.")
endif()
