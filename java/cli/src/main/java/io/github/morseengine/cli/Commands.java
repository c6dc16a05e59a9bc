package io.github.morseengine.cli;

import picocli.CommandLine;
import picocli.CommandLine.IFactory;

/** Gives every command its console. */
final class Commands implements IFactory {

  private final Console console;

  Commands(Console console) {
    this.console = console;
  }

  @Override
  public <K> K create(Class<K> type) throws Exception {
    if (type == GenerateCommand.class) {
      return type.cast(new GenerateCommand(console));
    }
    if (type == RunCommand.class) {
      return type.cast(new RunCommand(console));
    }
    if (type == InspectCommand.class) {
      return type.cast(new InspectCommand(console));
    }
    if (type == BenchCommand.class) {
      return type.cast(new BenchCommand(console));
    }
    if (type == EvaluateCommand.class) {
      return type.cast(new EvaluateCommand(console));
    }
    if (type == TuneCommand.class) {
      return type.cast(new TuneCommand(console));
    }
    if (type == DoctorCommand.class) {
      return type.cast(new DoctorCommand(console));
    }
    return CommandLine.defaultFactory().create(type);
  }
}
