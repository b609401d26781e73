# Runs hakmem.spec.generate. Who links `hakmem_spec` finds hak_spec.h, and is built after it.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)

set(HAKMEM_SPEC_DIR "${PROJECT_BINARY_DIR}/spec")
set(HAKMEM_VERSION_SCRIPT "${HAKMEM_SPEC_DIR}/hakmem.map")
file(GLOB spec_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/hakmem/spec/*.py")

add_custom_command(
  OUTPUT "${HAKMEM_SPEC_DIR}/hak_spec.h" "${HAKMEM_VERSION_SCRIPT}"
  COMMAND "${CMAKE_COMMAND}" -E env "PYTHONPATH=${PROJECT_SOURCE_DIR}/src" PYTHONDONTWRITEBYTECODE=1
          "${Python3_EXECUTABLE}" -m hakmem.spec.generate --out "${HAKMEM_SPEC_DIR}"
  DEPENDS ${spec_sources}
  COMMENT "Writing hak_spec.h and hakmem.map from src/hakmem/spec"
  VERBATIM)
add_custom_target(hakmem_spec_files DEPENDS "${HAKMEM_SPEC_DIR}/hak_spec.h" "${HAKMEM_VERSION_SCRIPT}")

add_library(hakmem_spec INTERFACE)
target_include_directories(hakmem_spec INTERFACE
  "${PROJECT_SOURCE_DIR}/core" "${PROJECT_SOURCE_DIR}/include" "${HAKMEM_SPEC_DIR}")
add_dependencies(hakmem_spec hakmem_spec_files)
