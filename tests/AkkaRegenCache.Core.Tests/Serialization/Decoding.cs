using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Core.Tests.Serialization;

internal static class Decoding
{
    /// <summary>Gets the value out of a payload, or throws why there is none.</summary>
    public static T Decode<T>(this ValueCodec codec, string key, CachePayload payload) =>
        codec.TryDecode<T>(key, payload, out var value, out var error) ? value : throw error;
}
