package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.List;
import java.util.Objects;

/**
 * What to draw.
 *
 * @param count pictures, at least 1
 * @param batch pictures per run of a model; 0 lets the pipeline choose
 * @param seed picture i of a seed starts from the same noise whatever the batch
 * @param sampler name of a sampler, see {@link Samplers#names()}
 * @param eta noise of ddim: 0 is deterministic, 1 as much as ddpm
 * @param schedule which model speaks at each step
 * @param labels names or indices of labels, which the pictures take in turn; empty for no label
 * @param guidance scale of classifier-free guidance; at most 1 means one pass without guidance
 * @param rescale guidance rescale, 0 for none to 1
 * @param classifier scale of classifier guidance; 0 for none
 * @param conditions further inputs of Dash and Dot, e.g. text embeddings
 * @param sampleShape channels, height and width of a sample, for models that leave them open; null
 *     for those of the model or of the given noise
 * @param beside further channels behind the sample's own in a model's input, float32 [1 or count,
 *     K, H, W], e.g. mask and masked picture of an inpainting U-Net; both halves of guidance see
 *     them, no sampler scales them; null for none
 * @param start a picture to begin with; null for noise alone
 * @param noise initial samples, float32 [count, C, H, W]; null draws them from the seed
 * @param stepNoise noise of stochastic samplers, float32 [steps, count, C, H, W]; null draws it
 * @param freshNoise which steps of stochastic samplers draw noise
 * @param trajectory whether to keep every sample
 * @param checkFinite whether to look for NaN and infinity after every step
 */
public record GenerateRequest(
    int count,
    int batch,
    long seed,
    String sampler,
    double eta,
    Schedule schedule,
    List<String> labels,
    double guidance,
    double rescale,
    double classifier,
    List<Condition> conditions,
    List<Long> sampleShape,
    Tensor beside,
    GivenStart start,
    Tensor noise,
    Tensor stepNoise,
    FreshNoise freshNoise,
    boolean trajectory,
    boolean checkFinite) {

  /**
   * Checks the ranges.
   *
   * @throws InvalidInputException if a value is out of range
   */
  public GenerateRequest {
    labels = List.copyOf(labels);
    conditions = List.copyOf(conditions);
    sampleShape = sampleShape == null ? null : List.copyOf(sampleShape);
    Objects.requireNonNull(schedule);
    Objects.requireNonNull(freshNoise);
    RequestChecks.counts(count, batch, sampleShape);
    RequestChecks.scales(eta, guidance, rescale, classifier);
    RequestChecks.floats("noise", noise, 4);
    RequestChecks.floats("what stands beside the sample", beside, 4);
    RequestChecks.floats("step noise", stepNoise, 5);
  }

  /** {@return the number of sampler steps} */
  public int steps() {
    return schedule.count();
  }

  /** {@return a builder: 16 pictures, seed 0, ddim, 10 Dash steps, each followed by one of Dot} */
  public static Builder builder() {
    return new Builder();
  }

  /** {@return a builder with the values of this request} */
  public Builder toBuilder() {
    Builder out = new Builder();
    out.count = count;
    out.batch = batch;
    out.seed = seed;
    out.sampler = sampler;
    out.eta = eta;
    out.schedule = schedule;
    out.labels = labels;
    out.guidance = guidance;
    out.rescale = rescale;
    out.classifier = classifier;
    out.conditions = conditions;
    out.sampleShape = sampleShape;
    out.beside = beside;
    out.start = start;
    out.noise = noise;
    out.stepNoise = stepNoise;
    out.freshNoise = freshNoise;
    out.trajectory = trajectory;
    out.checkFinite = checkFinite;
    return out;
  }

  /** Collects options. */
  public static final class Builder {
    private int count = 16;
    private int batch;
    private long seed;
    private String sampler = "ddim";
    private double eta;
    private int dash = 10;
    private int dot = 1;
    private Schedule schedule;
    private List<String> labels = List.of();
    private double guidance = 1;
    private double rescale;
    private double classifier;
    private List<Condition> conditions = List.of();
    private List<Long> sampleShape;
    private Tensor beside;
    private GivenStart start;
    private Tensor noise;
    private Tensor stepNoise;
    private FreshNoise freshNoise;
    private boolean trajectory;
    private boolean checkFinite;

    private Builder() {}

    /**
     * Sets the number of pictures.
     *
     * @param value at least 1
     * @return this
     */
    public Builder count(int value) {
      count = value;
      return this;
    }

    /**
     * Sets how many pictures a model sees at once.
     *
     * @param value pictures; 0 lets the pipeline choose
     * @return this
     */
    public Builder batch(int value) {
      batch = value;
      return this;
    }

    /**
     * Sets the seed.
     *
     * @param value any number
     * @return this
     */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /**
     * Chooses the sampler.
     *
     * @param value see {@link Samplers#names()}
     * @return this
     */
    public Builder sampler(String value) {
      sampler = value;
      return this;
    }

    /**
     * Sets the noise of ddim.
     *
     * @param value 0 to 1
     * @return this
     */
    public Builder eta(double value) {
      eta = value;
      return this;
    }

    /**
     * Sets the Dash steps.
     *
     * @param value at least 1
     * @return this
     */
    public Builder dash(int value) {
      dash = value;
      return this;
    }

    /**
     * Sets the Dot steps after each Dash step.
     *
     * @param value 0 for none
     * @return this
     */
    public Builder dot(int value) {
      dot = value;
      return this;
    }

    /**
     * Sets the model of every step, instead of {@link #dash} and {@link #dot}.
     *
     * @param value the schedule; null for that of dash and dot
     * @return this
     */
    public Builder schedule(Schedule value) {
      schedule = value;
      return this;
    }

    /**
     * Chooses one label for all pictures.
     *
     * @param value a line of labels.txt or its index; null for no label
     * @return this
     */
    public Builder label(String value) {
      labels = value == null ? List.of() : List.of(value);
      return this;
    }

    /**
     * Chooses labels that the pictures take in turn.
     *
     * @param values lines of labels.txt or their indices; empty for no label
     * @return this
     */
    public Builder labels(List<String> values) {
      labels = values;
      return this;
    }

    /**
     * Sets the scale of classifier-free guidance.
     *
     * @param value the scale; at most 1 for none
     * @return this
     */
    public Builder guidance(double value) {
      guidance = value;
      return this;
    }

    /**
     * Sets guidance rescale.
     *
     * @param value 0 for none to 1
     * @return this
     */
    public Builder rescale(double value) {
      rescale = value;
      return this;
    }

    /**
     * Sets the scale of classifier guidance.
     *
     * @param value the scale; 0 for none
     * @return this
     */
    public Builder classifier(double value) {
      classifier = value;
      return this;
    }

    /**
     * Gives further inputs of Dash and Dot.
     *
     * @param values one per input
     * @return this
     */
    public Builder conditions(List<Condition> values) {
      conditions = values;
      return this;
    }

    /**
     * Sets the size of a sample, for models that leave it open.
     *
     * @param channels channels
     * @param height rows
     * @param width columns
     * @return this
     */
    public Builder sampleShape(long channels, long height, long width) {
      sampleShape = List.of(channels, height, width);
      return this;
    }

    /**
     * Gives further channels of the models' input.
     *
     * @param value float32 [1 or count, K, H, W]; null for none
     * @return this
     */
    public Builder beside(Tensor value) {
      beside = value;
      return this;
    }

    /**
     * Begins with a picture.
     *
     * @param value the picture; null for noise alone
     * @return this
     */
    public Builder start(GivenStart value) {
      start = value;
      return this;
    }

    /**
     * Gives the initial samples.
     *
     * @param value float32 [count, C, H, W]
     * @return this
     */
    public Builder noise(Tensor value) {
      noise = value;
      return this;
    }

    /**
     * Gives the noise of stochastic samplers.
     *
     * @param value float32 [steps, count, C, H, W]
     * @return this
     */
    public Builder stepNoise(Tensor value) {
      stepNoise = value;
      return this;
    }

    /**
     * Chooses which steps of stochastic samplers draw noise.
     *
     * @param value null for every step where the noise of the steps is given, so that all of it is
     *     used, and otherwise for those that lead to a step of Dash
     * @return this
     */
    public Builder freshNoise(FreshNoise value) {
      freshNoise = value;
      return this;
    }

    /**
     * Keeps every sample.
     *
     * @param value whether to
     * @return this
     */
    public Builder trajectory(boolean value) {
      trajectory = value;
      return this;
    }

    /**
     * Looks for NaN and infinity after every step.
     *
     * @param value whether to
     * @return this
     */
    public Builder checkFinite(boolean value) {
      checkFinite = value;
      return this;
    }

    private FreshNoise noiseSteps() {
      if (freshNoise != null) {
        return freshNoise;
      }
      return stepNoise != null ? FreshNoise.EVERY_STEP : FreshNoise.DASH_STEPS;
    }

    /**
     * Checks and builds.
     *
     * @return the request
     * @throws InvalidInputException if a value is out of range
     */
    public GenerateRequest build() {
      return new GenerateRequest(
          count,
          batch,
          seed,
          sampler,
          eta,
          schedule == null ? Schedule.of(dash, dot) : schedule,
          labels,
          guidance,
          rescale,
          classifier,
          conditions,
          sampleShape,
          beside,
          start,
          noise,
          stepNoise,
          noiseSteps(),
          trajectory,
          checkFinite);
    }
  }
}
