# hakmem_add_flavour(<flavour>) adds the library of one flavour as the target hakmem_<flavour>.
# hakmem_flavour_options(<target> <flavour>) compiles any target as that flavour is compiled: for tests of layers.
set(CMAKE_THREAD_PREFER_PTHREAD ON)
find_package(Threads REQUIRED)

# The numbers are those of core/base.h.
set(HAKMEM_NUMBER_release 0)
set(HAKMEM_NUMBER_count 1)
set(HAKMEM_NUMBER_secure 2)
set(HAKMEM_NUMBER_debug 3)
set(HAKMEM_FLAGS_release -O3 -g1)
set(HAKMEM_FLAGS_count -O3 -g1)
set(HAKMEM_FLAGS_secure -O3 -g1)
set(HAKMEM_FLAGS_debug -O2 -g)
set(HAKMEM_FILE_release hakmem)
set(HAKMEM_FILE_count hakmem-count)
set(HAKMEM_FILE_secure hakmem-secure)
set(HAKMEM_FILE_debug hakmem-debug)

function(hakmem_flavour_options target flavour)
  if(NOT DEFINED HAKMEM_NUMBER_${flavour})
    message(FATAL_ERROR "HAKMEM has no flavour ${flavour}: it has release, count, secure and debug.")
  endif()
  set(flags ${HAKMEM_FLAGS_${flavour}} ${HAKMEM_C_FLAGS} ${HAKMEM_SANITIZE_FLAGS})
  set(build_info "${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION} ${CMAKE_SYSTEM_PROCESSOR}:"
    ${CMAKE_C_FLAGS} ${flags})
  list(JOIN build_info " " build_info)
  target_compile_options(${target} PRIVATE ${flags} $<$<BOOL:${HAKMEM_WERROR}>:-Werror>)
  target_compile_definitions(${target} PRIVATE
    _GNU_SOURCE HAK_FLAVOUR=${HAKMEM_NUMBER_${flavour}}
    "HAK_VERSION=\"${PROJECT_VERSION}\"" "HAK_BUILD_INFO=\"${build_info}\"")
  target_link_options(${target} PRIVATE ${HAKMEM_SANITIZE_FLAGS})
  target_link_libraries(${target} PRIVATE hakmem_spec Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

function(hakmem_add_flavour flavour)
  set(target hakmem_${flavour})
  add_library(${target} SHARED "${PROJECT_SOURCE_DIR}/core/one.c")
  hakmem_flavour_options(${target} ${flavour})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME "${HAKMEM_FILE_${flavour}}" EXPORT_NAME "${HAKMEM_FILE_${flavour}}"
    LINK_DEPENDS "${HAKMEM_VERSION_SCRIPT}")
  target_link_options(${target} PRIVATE
    "LINKER:--version-script=${HAKMEM_VERSION_SCRIPT}" "LINKER:-z,relro,-z,now,-z,nodelete" LINKER:-Bsymbolic
    # One mapping for all that is only read, as before 2018: two calls of mmap less at each process's start (decision 0023).
    "LINKER:-z,noseparate-code")
endfunction()
