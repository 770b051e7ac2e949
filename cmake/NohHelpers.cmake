# SPDX-License-Identifier: Apache-2.0
# What the CMakeLists.txt files are written with:
#   noh_layer    a layer of the library, with its own include roots
#   noh_library  layers or module files, merged into a shared and a static library
#   noh_module   a whole module: libraries, install, tests
#   noh_test     one test program
#   noh_example  one example, and the comparison with what it should print

# ---- flags -------------------------------------------------------------------------------------

if(NOH_SANITIZE)
  add_compile_options(-fsanitize=${NOH_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${NOH_SANITIZE})
  if(CMAKE_C_COMPILER_ID STREQUAL GNU)
    # The sanitizers' own code makes gcc take variables for uninitialized.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()
if(NOH_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(NOH_HOSTILE)
  add_compile_definitions(NOH_HOSTILE=1)
endif()

# Language and warnings of everything that is compiled here.
function(noh_flags target)
  set_target_properties(${target} PROPERTIES
    C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS ON)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes
    # As in the flags we give to users: handlers have a fixed signature.
    -Wno-unused-parameter
    $<$<BOOL:${NOH_WERROR}>:-Werror>)
endfunction()

# What the files of the libraries have beyond that. Tests and examples are spared -Wshadow: there
# `noh_ref counter = noh_spawn(self, counter)` is how one writes.
function(noh_library_flags target)
  noh_flags(${target})
  set_target_properties(${target} PROPERTIES
    POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden
    INTERPROCEDURAL_OPTIMIZATION ${NOH_LTO})
  # Without a value, like the #define that a file might have.
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE=)
  target_compile_options(${target} PRIVATE
    -Wconversion -Wshadow -Wvla
    -fstack-protector-strong
    # Nobody replaces single functions of ours, so calls inside the library may be direct.
    -fno-semantic-interposition
    # Assertions name the file as it is called in the repository.
    -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
endfunction()

# ---- libraries ---------------------------------------------------------------------------------

# noh_layer(<layer> [ON <layer>…] SOURCES <file in src/layer>… [CHECKS <file>…] [HOSTILE <file>…]): the
# object library noh_<layer>, and noh_<layer>_checks for the tests. In the hostile build the first has
# all files.
function(noh_layer layer)
  cmake_parse_arguments(arg "" "" "ON;SOURCES;CHECKS;HOSTILE" ${ARGN})
  set(folder ${PROJECT_SOURCE_DIR}/src/${layer})
  list(TRANSFORM arg_SOURCES PREPEND ${folder}/)
  list(TRANSFORM arg_CHECKS PREPEND ${folder}/)
  list(TRANSFORM arg_HOSTILE PREPEND ${folder}/)
  list(TRANSFORM arg_ON PREPEND ${PROJECT_SOURCE_DIR}/src/)

  file(GLOB present CONFIGURE_DEPENDS ${folder}/*.c ${folder}/*.S)
  list(REMOVE_ITEM present "" ${arg_SOURCES} ${arg_CHECKS} ${arg_HOSTILE})
  foreach(file ${present})
    message(NOTICE "warning: ${file} is not in the list of layer ${layer}, so it is not built")
  endforeach()

  if(NOH_HOSTILE)
    list(APPEND arg_SOURCES ${arg_CHECKS} ${arg_HOSTILE})
    set(arg_CHECKS)
  endif()
  set(targets noh_${layer})
  add_library(noh_${layer} OBJECT ${arg_SOURCES})
  if(arg_CHECKS)
    list(APPEND targets noh_${layer}_checks)
    add_library(noh_${layer}_checks OBJECT EXCLUDE_FROM_ALL ${arg_CHECKS})
  endif()
  foreach(target ${targets})
    noh_library_flags(${target})
    target_include_directories(${target} PRIVATE
      ${PROJECT_SOURCE_DIR}/include ${arg_ON} ${folder})
  endforeach()
endfunction()

# noh_library(<name> OBJECTS <object library>…): lib<name>.so as target <name>, lib<name>.a as
# <name>_static.
function(noh_library name)
  cmake_parse_arguments(arg "" "" "OBJECTS" ${ARGN})
  list(TRANSFORM arg_OBJECTS REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")
  add_library(${name} SHARED ${arg_OBJECTS})
  add_library(${name}_static STATIC ${arg_OBJECTS})
  set_target_properties(${name} ${name}_static PROPERTIES
    LINKER_LANGUAGE C OUTPUT_NAME ${name} INTERPROCEDURAL_OPTIMIZATION ${NOH_LTO})
  # Before 1.0 each minor version may break the one before.
  set(soversion ${PROJECT_VERSION_MAJOR})
  if(soversion EQUAL 0)
    set(soversion 0.${PROJECT_VERSION_MINOR})
  endif()
  set_target_properties(${name} PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${soversion} INSTALL_RPATH $ORIGIN)
  # Addresses are resolved at start and read-only afterwards; calls inside the library are direct.
  target_link_options(${name} PRIVATE LINKER:-z,now,-z,relro,-Bsymbolic-functions)
endfunction()

# noh_module(<m> SOURCES <file>… [PACKAGES <pkg-config name[>=version]>…] [USES <module>…])
#
# Called by modules/<m>/CMakeLists.txt, beside include/noh/<m>.h, src/ and tests/. Gives noh::<m>
# and noh::<m>_static, installs both with header, noh-<m>.pc and the component <m> of the CMake
# package, and adds tests/test_*.c and examples/*.c. Without one of its packages it is left out,
# with one line that says which.
function(noh_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;PACKAGES;USES" ${ARGN})
  set(folder ${CMAKE_CURRENT_SOURCE_DIR})

  foreach(use ${arg_USES})
    if(NOT TARGET noh_${use})
      message(STATUS "noh::${name} is left out: it needs noh::${use}")
      return()
    endif()
  endforeach()
  find_package(PkgConfig QUIET)
  set(found)
  foreach(package ${arg_PACKAGES})
    string(MAKE_C_IDENTIFIER "noh_pc_${package}" prefix)
    if(PkgConfig_FOUND)
      pkg_check_modules(${prefix} QUIET IMPORTED_TARGET ${package})
    endif()
    if(NOT ${prefix}_FOUND)
      message(STATUS "noh::${name} is left out: pkg-config does not find ${package}")
      return()
    endif()
    list(APPEND found PkgConfig::${prefix})
  endforeach()

  set(uses ${arg_USES})
  list(TRANSFORM uses PREPEND noh_)
  set(static_uses ${uses})
  list(TRANSFORM static_uses APPEND _static)

  add_library(noh_${name}_objects OBJECT ${arg_SOURCES})
  noh_library_flags(noh_${name}_objects)
  target_include_directories(noh_${name}_objects PRIVATE ${folder}/include ${folder}/src)
  target_link_libraries(noh_${name}_objects PRIVATE noh ${uses} ${found})

  noh_library(noh_${name} OBJECTS noh_${name}_objects)
  target_link_libraries(noh_${name} PUBLIC noh ${uses} PRIVATE ${found})
  target_link_libraries(noh_${name}_static PUBLIC noh_static ${static_uses} PRIVATE ${found})
  foreach(library noh_${name} noh_${name}_static)
    string(REPLACE noh_ "" export_name ${library})
    set_target_properties(${library} PROPERTIES EXPORT_NAME ${export_name})
    target_include_directories(${library} INTERFACE $<BUILD_INTERFACE:${folder}/include>)
    add_library(noh::${export_name} ALIAS ${library})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY NOH_BUILT_MODULES ${name})

  if(NOH_INSTALL)
    noh_install_module(${name} "${arg_USES}" "${arg_PACKAGES}")
  endif()
  if(NOH_TESTS)
    noh_module_tests(${name} ${found})
  endif()
endfunction()

# ---- install -----------------------------------------------------------------------------------

set(noh_cmake_folder ${CMAKE_CURRENT_LIST_DIR})
set(noh_package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/noh)

# Puts <file>.pc beside the libraries. It finds its prefix by its own place, so the installed tree
# may be moved.
function(noh_install_pc file pc_description pc_requires pc_requires_private pc_libs pc_cflags)
  set(pc_name ${file})
  file(RELATIVE_PATH pc_prefix
    ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  configure_file(${noh_cmake_folder}/noh.pc.in ${file}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${file}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

function(noh_install_core)
  include(CMakePackageConfigHelpers)
  configure_package_config_file(${noh_cmake_folder}/nohConfig.cmake.in nohConfig.cmake
    INSTALL_DESTINATION ${noh_package_folder})
  write_basic_package_version_file(nohConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/nohConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/nohConfigVersion.cmake DESTINATION ${noh_package_folder})
  install(TARGETS noh noh_static EXPORT noh-targets)
  install(EXPORT noh-targets NAMESPACE noh:: DESTINATION ${noh_package_folder})
  install(DIRECTORY include/noh DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN *.h)
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
  noh_install_pc(noh "${PROJECT_DESCRIPTION}" "" "" "-lnoh" "-Wno-unused-parameter")
endfunction()

function(noh_install_module name uses packages)
  install(TARGETS noh_${name} noh_${name}_static EXPORT noh-${name}-targets)
  install(EXPORT noh-${name}-targets NAMESPACE noh:: DESTINATION ${noh_package_folder})
  install(DIRECTORY include/noh DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN *.h)
  configure_file(${noh_cmake_folder}/nohModule.cmake.in noh-${name}.cmake @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/noh-${name}.cmake
    DESTINATION ${noh_package_folder})

  list(TRANSFORM uses PREPEND noh- OUTPUT_VARIABLE requires)
  list(JOIN requires ", " requires)
  list(TRANSFORM packages REPLACE "([<>=]+)" " \\1 ")
  list(JOIN packages ", " packages)
  noh_install_pc(noh-${name} "${PROJECT_DESCRIPTION}: module ${name}"
    "noh, ${requires}" "${packages}" "-lnoh_${name}" "")
endfunction()

# ---- tests -------------------------------------------------------------------------------------

# Under ThreadSanitizer with the address layout fixed: with the random layout of newer kernels gcc's
# runtime finds its memory taken and gives up.
set(noh_launcher)
if(NOH_SANITIZE MATCHES thread)
  find_program(NOH_SETARCH setarch)
  if(NOH_SETARCH)
    execute_process(COMMAND ${NOH_SETARCH} -R true RESULT_VARIABLE failed ERROR_QUIET)
    if(NOT failed)
      set(noh_launcher ${NOH_SETARCH} -R)
    endif()
  endif()
endif()

# What every test of ours has in common.
function(noh_test_properties name)
  set_tests_properties(${name} PROPERTIES
    TIMEOUT 120 LABELS "${ARGN}"
    ENVIRONMENT "UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=halt_on_error=1 second_deadlock_stack=1")
endfunction()

# noh_test(<name> <file> [LIBRARIES <target>…] [INCLUDES <folder>…] [LABELS <label>…] [SERIAL])
# The program test_<name>, run by ctest as <name>. It sees tests/support and links noh::static,
# which, unlike the shared library, lets it call private functions.
function(noh_test name file)
  cmake_parse_arguments(arg "SERIAL" "" "LIBRARIES;INCLUDES;LABELS" ${ARGN})
  string(REPLACE . _ target test_${name})
  add_executable(${target} ${file})
  noh_flags(${target})
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE=)
  target_include_directories(${target} PRIVATE
    ${PROJECT_SOURCE_DIR}/tests/support ${arg_INCLUDES})
  target_link_libraries(${target} PRIVATE
    ${arg_LIBRARIES} ${noh_checks} noh_static Threads::Threads)
  add_test(NAME ${name} COMMAND ${noh_launcher} $<TARGET_FILE:${target}>)
  noh_test_properties(${name} ${arg_LABELS})
  set_tests_properties(${name} PROPERTIES RUN_SERIAL ${arg_SERIAL})
endfunction()

# noh_example(<file> [LIBRARIES <target>…] [LABELS <label>…]): built the way a user would, with
# public headers and the shared libraries of the modules it includes; left out when one of those is
# not built. Run as example.<name> if it has `// expect:` lines; one with `// check:` lines has a
# script of its own.
function(noh_example file)
  cmake_parse_arguments(arg "" "" "LIBRARIES;LABELS" ${ARGN})
  get_filename_component(name ${file} NAME_WE)
  set(libraries noh ${arg_LIBRARIES})
  foreach(module ${noh_modules})
    file(STRINGS ${file} uses REGEX "^#include <noh/${module}\\.h>")
    if(uses)
      if(NOT TARGET noh_${module})
        message(STATUS "example ${name} is left out: it needs noh::${module}")
        return()
      endif()
      list(APPEND libraries noh_${module})
    endif()
  endforeach()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})

  add_executable(example_${name} ${file})
  noh_flags(example_${name})
  target_link_libraries(example_${name} PRIVATE ${libraries} Threads::Threads)
  file(STRINGS ${file} expected REGEX "^// expect:")
  if(expected)
    add_test(NAME example.${name} COMMAND ${noh_launcher}
      sh ${PROJECT_SOURCE_DIR}/tests/support/expect.sh $<TARGET_FILE:example_${name}> ${file})
    noh_test_properties(example.${name} ${arg_LABELS})
    return()
  endif()
  file(STRINGS ${file} checked REGEX "^// check:")
  if(NOT checked)
    message(NOTICE "warning: nothing says what ${file} should print, so no test runs it")
  endif()
endfunction()

# Compares what a shared library exports with its reviewed list, if there is one. Not where the
# compiler adds symbols of its own.
function(noh_symbols_test library list)
  get_filename_component(list ${list} ABSOLUTE)
  if(EXISTS ${list} AND NOT NOH_SANITIZE AND NOT NOH_COVERAGE)
    add_test(NAME api.symbols.${library} COMMAND
      sh ${PROJECT_SOURCE_DIR}/tests/api/symbols.sh $<TARGET_FILE:${library}> ${list})
    noh_test_properties(api.symbols.${library} quick api)
  endif()
endfunction()

# noh_module_tests(<m> <package target>…): the tests and examples of the module in this folder:
# <m>.<file>, label module. The examples may use its packages, too. What needs more than that stands
# in its tests/CMakeLists.txt.
function(noh_module_tests name)
  file(GLOB tests CONFIGURE_DEPENDS tests/test_*.c)
  foreach(file ${tests})
    get_filename_component(test ${file} NAME_WE)
    string(REGEX REPLACE "^test_" "${name}." test ${test})
    noh_test(${test} ${file} LIBRARIES noh_${name}_static
      INCLUDES ${CMAKE_CURRENT_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR}/tests
      LABELS quick module)
  endforeach()
  file(GLOB examples CONFIGURE_DEPENDS examples/*.c)
  foreach(file ${examples})
    noh_example(${file} LIBRARIES ${ARGN} LABELS quick module)
  endforeach()
  noh_symbols_test(noh_${name} tests/symbols.txt)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/tests/CMakeLists.txt)
    add_subdirectory(tests)
  endif()
endfunction()
