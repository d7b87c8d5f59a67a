using System.Collections.Concurrent;
using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Event;
using Akka.Serialization;

namespace AkkaRegenCache.Messages;

/// <summary>
/// Serializes all that crosses nodes: compact, by hand, under short manifests with a version each, so that nodes of two versions of the
/// library live in one cluster. Thread-safe.
/// </summary>
/// <remarks>
/// Whatever is not known is told once in the log and becomes an <see cref="UnknownMessage"/>, which receivers ignore: a node of a newer
/// version must not break an older one's connection.
/// </remarks>
public sealed class RegenSerializer : SerializerWithStringManifest
{
    /// <summary>The serializer's id, which every node must know it by.</summary>
    public const int Id = 7471;

    private readonly ConcurrentDictionary<string, bool> _told = new(StringComparer.Ordinal);
    private readonly ExtendedActorSystem _system;

    /// <summary>Creates the serializer; done by Akka.</summary>
    /// <param name="system">The actor system.</param>
    public RegenSerializer(ExtendedActorSystem system)
        : base(system)
    {
        ArgumentNullException.ThrowIfNull(system);
        _system = system;
    }

    /// <inheritdoc/>
    public override int Identifier => Id;

    /// <inheritdoc/>
    public override string Manifest(object o) => WireFormat.ManifestOf(o);

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) => WireFormat.Write(obj);

    /// <inheritdoc/>
    /// <exception cref="SerializationException">The bytes are cut off, or are not what the manifest says.</exception>
    public override object FromBinary(byte[] bytes, string manifest)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentNullException.ThrowIfNull(manifest);
        object message;
        try
        {
            message = WireFormat.Read(bytes, manifest);
        }
        catch (FormatException e)
        {
            throw new SerializationException(
                $"A message '{manifest}' of AkkaRegenCache with {bytes.Length} bytes can't be read: {e.Message}", e);
        }

        // Not without a bound: a manifest may be anything.
        if ((message as UnknownMessage ?? (message as ToShard)?.Body as UnknownMessage) is not null && _told.Count < 100
            && _told.TryAdd(manifest, true))
        {
            // The system has no log yet when it makes its serializers.
            Logging.GetLogger(_system, nameof(RegenSerializer)).Warning(
                "A message '{0}' of AkkaRegenCache is not known here: a newer version's. It is ignored; further ones are not reported.",
                manifest);
        }

        return message;
    }
}
