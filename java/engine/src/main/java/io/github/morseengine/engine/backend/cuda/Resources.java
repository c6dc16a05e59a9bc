package io.github.morseengine.engine.backend.cuda;

import java.util.ArrayDeque;
import java.util.Deque;

/** Things that are closed together, the latest first; a failure does not keep the others open. */
final class Resources implements AutoCloseable {

  private final Deque<AutoCloseable> all = new ArrayDeque<>();

  <C extends AutoCloseable> C add(C resource) {
    all.push(resource);
    return resource;
  }

  /** Closes everything after a failure, to which further ones are added. */
  void closeAfter(Throwable failure) {
    while (!all.isEmpty()) {
      try {
        all.pop().close();
      } catch (Exception e) {
        failure.addSuppressed(e);
      }
    }
  }

  @Override
  public void close() {
    RuntimeException failure = null;
    while (!all.isEmpty()) {
      try {
        all.pop().close();
      } catch (Exception e) {
        if (failure == null) {
          failure = e instanceof RuntimeException r ? r : new IllegalStateException(e);
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
