package io.github.morseengine.engine.device.cuda;

/**
 * A checked launch; made by {@link CudaKernel#launch}.
 *
 * @param kernel the kernel
 * @param gridX blocks
 * @param gridY blocks
 * @param gridZ blocks
 * @param blockX threads
 * @param blockY threads
 * @param blockZ threads
 * @param sharedBytes dynamic shared memory per block
 * @param arguments the arguments
 */
public record KernelLaunch(
    CudaKernel kernel,
    int gridX,
    int gridY,
    int gridZ,
    int blockX,
    int blockY,
    int blockZ,
    int sharedBytes,
    KernelArguments arguments) {}
