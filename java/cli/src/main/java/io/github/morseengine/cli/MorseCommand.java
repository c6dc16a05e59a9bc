package io.github.morseengine.cli;

import java.lang.module.ModuleDescriptor;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command without a subcommand. */
@Command(
    name = "morse",
    description = "Draws pictures with Dash and Dot, and runs ONNX models, on the JVM.",
    mixinStandardHelpOptions = true,
    versionProvider = MorseCommand.Version.class,
    subcommands = {
      GenerateCommand.class,
      RunCommand.class,
      InspectCommand.class,
      EvaluateCommand.class,
      TuneCommand.class,
      BenchCommand.class,
      DoctorCommand.class
    },
    footer = {
      "",
      "Examples:",
      "  morse generate                          a grid of 16 pictures in morse.png",
      "  morse generate --count 4 --seed 7 --out four.png",
      "  morse run model.onnx --input x=x.npy    any supported ONNX graph",
      "  morse generate --help                   all options of one command"
    })
final class MorseCommand implements Runnable {

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(), "give a command: " + String.join(", ", spec.subcommands().keySet()));
  }

  /** Reads the version from the jar. */
  static final class Version implements CommandLine.IVersionProvider {

    @Override
    public String[] getVersion() {
      ModuleDescriptor module = MorseCommand.class.getModule().getDescriptor();
      String version =
          module == null
              ? MorseCommand.class.getPackage().getImplementationVersion()
              : module.rawVersion().orElse(null);
      return new String[] {"morse " + (version == null ? "(not packaged)" : version)};
    }
  }
}
