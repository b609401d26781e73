# cmake --install: the libraries, the header, and what CMake and pkg-config need to link with them.
# A wheel takes the component "libraries" alone.
set(CMAKE_INSTALL_LIBDIR lib CACHE PATH "Where libraries go, below the prefix")
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/hakmem")

list(TRANSFORM HAKMEM_FLAVOURS PREPEND hakmem_ OUTPUT_VARIABLE libraries)
install(TARGETS ${libraries} EXPORT hakmem
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT libraries
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES include/hakmem.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)

install(EXPORT hakmem FILE hakmem-config.cmake NAMESPACE hakmem:: DESTINATION "${config_dir}" COMPONENT development)
write_basic_package_version_file(hakmem-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/hakmem-config-version.cmake"
  DESTINATION "${config_dir}" COMPONENT development)

configure_file(cmake/hakmem.pc.in hakmem.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/hakmem.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
