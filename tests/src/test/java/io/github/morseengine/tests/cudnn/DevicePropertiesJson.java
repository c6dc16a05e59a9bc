package io.github.morseengine.tests.cudnn;

/**
 * Devices as cuDNN 9.28 describes them. The values are from data sheets and the driver's headers,
 * not read from a card; cuDNN does not check them.
 */
enum DevicePropertiesJson {
  A100(800, 108, 166_912, 85_899_345_920L, 41_943_040),
  H200(900, 132, 232_448, 150_122_201_088L, 62_914_560),
  B200(1000, 148, 232_448, 191_000_000_000L, 132_644_864);

  private final int architecture;
  private final int multiprocessors;
  private final int sharedBytes;
  private final long totalBytes;
  private final int l2Bytes;

  DevicePropertiesJson(
      int architecture, int multiprocessors, int sharedBytes, long totalBytes, int l2Bytes) {
    this.architecture = architecture;
    this.multiprocessors = multiprocessors;
    this.sharedBytes = sharedBytes;
    this.totalBytes = totalBytes;
    this.l2Bytes = l2Bytes;
  }

  String json() {
    return """
        {"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],\
        "regsPerBlock":65536,"multiProcessorCount":%d,"smCountOrigin":0,"warpSize":32,\
        "maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":%d,\
        "oversizedSharedMemoryPerBlock":0,"reservedSharedMemoryPerBlock":1024,\
        "maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,\
        "maxThreadsPerSM":2048,"pciDeviceId":0,"isTccDriver":0,"supportCoopLaunch":1,\
        "totalGlobalMem":%d,"smClockRateKHz":1980000,"memClockRateKHz":3201000,\
        "memoryBusWidth":6144,"l2CacheSize":%d,"cudaDeviceId":0,"deviceVer":%d,\
        "driverVer":13000,"deviceName":"NVIDIA %s"}"""
        .formatted(multiprocessors, sharedBytes, totalBytes, l2Bytes, architecture, name());
  }
}
