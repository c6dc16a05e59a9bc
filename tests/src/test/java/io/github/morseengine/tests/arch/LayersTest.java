package io.github.morseengine.tests.arch;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.github.morseengine.engine.error.MorseException;
import java.lang.reflect.Modifier;
import org.junit.jupiter.api.Test;

/** The layers of the architecture: dependencies point down only. */
class LayersTest {

  private static final String ROOT = "io.github.morseengine.";

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages(ROOT + "engine", ROOT + "cli", ROOT + "bindings");

  @Test
  void everythingWasRead() {
    for (String name : new String[] {"engine.Engine", "cli.Main", "engine.morse.MorsePipeline"}) {
      assertTrue(CLASSES.contain(ROOT + name), name);
    }
    assertTrue(CLASSES.stream().anyMatch(resideInAPackage(ROOT + "bindings..")));
  }

  @Test
  void dependenciesPointDown() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("cli")
        .definedBy(ROOT + "cli..")
        .layer("morse")
        .definedBy(ROOT + "engine.morse..")
        .layer("api")
        .definedBy(ROOT + "engine")
        .layer("graph")
        .definedBy(ROOT + "engine.graph..")
        .layer("backend")
        .definedBy(ROOT + "engine.backend..")
        .layer("device")
        .definedBy(ROOT + "engine.device..")
        .layer("ffi")
        .definedBy(ROOT + "engine.ffi..")
        .layer("bindings")
        .definedBy(ROOT + "bindings..")
        .layer("vocabulary")
        .definedBy(ROOT + "engine.ir..", ROOT + "engine.tensor..", ROOT + "engine.error..")
        .whereLayer("cli")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("morse")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("api")
        .mayOnlyBeAccessedByLayers("cli", "morse")
        .whereLayer("graph")
        .mayOnlyBeAccessedByLayers("cli", "morse", "api")
        .whereLayer("backend")
        .mayOnlyBeAccessedByLayers("cli", "morse", "api", "graph")
        .whereLayer("device")
        .mayOnlyBeAccessedByLayers("backend")
        .whereLayer("ffi")
        .mayOnlyBeAccessedByLayers("api", "backend", "device")
        .whereLayer("bindings")
        .mayOnlyBeAccessedByLayers("ffi")
        .whereLayer("vocabulary")
        .mayOnlyAccessLayers("vocabulary")
        .check(CLASSES);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching(ROOT + "engine.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void onlyTheReaderKnowsOnnxMessages() {
    noClasses()
        .that()
        .resideInAPackage(ROOT + "engine..")
        .and(not(resideInAPackage(ROOT + "engine.graph.onnx..")))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(ROOT + "onnx..", "com.google.protobuf..")
        .check(CLASSES);
  }

  @Test
  void onlyFfiLinksNativeFunctions() {
    noClasses()
        .that(
            not(resideInAPackage(ROOT + "engine.ffi..").or(resideInAPackage(ROOT + "bindings.."))))
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.foreign.Linker")
        .check(CLASSES);
  }

  @Test
  void theEngineNeitherPrintsNorLogs() {
    JavaClasses engine = CLASSES.that(resideInAPackage(ROOT + "engine.."));
    NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS.check(engine);
    NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING.check(engine);
  }

  @Test
  void failuresAreOfOneFamily() {
    assertTrue(MorseException.class.isSealed());
    assertTrue(Modifier.isAbstract(MorseException.class.getModifiers()));
    classes()
        .that()
        .areAssignableTo(Throwable.class)
        .and()
        .resideInAPackage(ROOT + "engine..")
        .should()
        .beAssignableTo(MorseException.class)
        .check(CLASSES);
  }
}
