using System.Collections;
using System.Reflection;
using System.Runtime.Serialization;
using System.Text;
using Akka.Actor;
using Akka.Serialization;
using Akka.TestKit.Xunit2;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Messages;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Wire;

public sealed class SerializerTests : TestKit
{
    private readonly SerializerWithStringManifest _serializer;

    public SerializerTests()
        : base(TestConfig.Node)
    {
        _serializer = (SerializerWithStringManifest)Sys.Serialization.FindSerializerForType(typeof(ToShard));
    }

    [Fact]
    public void Every_message_comes_out_as_it_went_in()
    {
        foreach (var message in Samples.All)
        {
            var copy = _serializer.FromBinary(_serializer.ToBinary(message), _serializer.Manifest(message));
            Assert.Equal(Describe(message), Describe(copy));
        }
    }

    [Fact]
    public void Every_format_has_a_sample_and_every_message_to_or_from_a_coordinator_a_format()
    {
        var sampled = Samples.All.Select(WireFormat.ManifestOf).Select(manifest => manifest.TrimStart('>', '?', '!')).ToHashSet();
        Assert.Equal(WireFormat.All.Select(f => f.Manifest).Order(), sampled.Order());
        var said = typeof(ToCoordinator).Assembly.GetTypes()
            .Where(t => !t.IsAbstract && (t.IsSubclassOf(typeof(ToCoordinator)) || t.IsSubclassOf(typeof(FromCoordinator)) || t.IsSubclassOf(typeof(StoreAnswer))));
        Assert.All(said, type => Assert.Contains(WireFormat.All, format => format.Type == type));
    }

    /// <summary>Nodes of two versions talk to each other: what is here may only be added to, under new manifests.</summary>
    [Fact]
    public void The_bytes_on_the_wire_are_the_known_ones()
    {
        var known = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Wire", "golden.txt"));
        var now = Samples.All.Select(m => $"{_serializer.Manifest(m)} {Convert.ToHexStringLower(_serializer.ToBinary(m))}").ToArray();
        Assert.Equal(known, now);
    }

    [Fact]
    public void A_message_that_is_cut_off_anywhere_is_an_error_that_names_it()
    {
        foreach (var message in Samples.All)
        {
            var bytes = _serializer.ToBinary(message);
            var manifest = _serializer.Manifest(message);
            for (var length = 0; length < bytes.Length; length++)
            {
                var error = Assert.Throws<SerializationException>(() => _serializer.FromBinary(bytes[..length], manifest));
                Assert.Contains($"'{manifest}'", error.Message, StringComparison.Ordinal);
            }

            Assert.Throws<SerializationException>(() => _serializer.FromBinary([.. bytes, 0], manifest));
        }
    }

    [Fact]
    public void Bytes_that_mean_nothing_are_a_serialization_error_and_nothing_worse()
    {
        var random = new Random(20260101);
        var read = 0;
        foreach (var message in Samples.All)
        {
            var bytes = _serializer.ToBinary(message);
            for (var i = 0; i < 50 && bytes.Length > 0; i++)
            {
                var broken = bytes.ToArray();
                broken[random.Next(broken.Length)] = (byte)random.Next(256);
                try
                {
                    _serializer.FromBinary(broken, _serializer.Manifest(message));
                    read++;
                }
                catch (SerializationException)
                {
                    // What is wanted of most.
                }
            }
        }

        Assert.InRange(read, 1, int.MaxValue);
    }

    [Theory]
    [InlineData("x9")]
    [InlineData("?x9")]
    [InlineData("!")]
    [InlineData("")]
    public void A_manifest_of_a_version_to_come_is_an_unknown_message(string manifest)
    {
        Assert.Equal(new UnknownMessage(manifest), _serializer.FromBinary([1, 2, 3], manifest));
        Assert.Equal(new ToShard(5, new UnknownMessage(">" + manifest)), _serializer.FromBinary([5, 2, 3], ">" + manifest));
    }

    [Fact]
    public void The_serializer_is_bound_to_its_messages_under_its_id()
    {
        Assert.IsType<RegenSerializer>(_serializer);
        Assert.Equal(7471, _serializer.Identifier);
        Assert.Same(_serializer, Sys.Serialization.FindSerializerForType(typeof(ToNode)));
        Assert.Same(_serializer, Sys.Serialization.FindSerializerForType(typeof(UnknownMessage)));
    }

    [Fact]
    public void An_error_of_any_length_is_cut_to_what_fits()
    {
        var release = new ReleaseRequest
        {
            Key = new string('k', 1024),
            Operation = new OperationId("node", 1),
            Token = 1,
            Failure = new GenerationFailure("Some.Exception", new string('\u00e4', 1_000_000)),
        };

        var bytes = _serializer.ToBinary(new ToShard(1, new StoreAsk(1, release)));

        Assert.InRange(bytes.Length, 4096, 64 * 1024);
    }

    /// <summary>All that an object holds, as text.</summary>
    private static string Describe(object? value)
    {
        switch (value)
        {
            case null:
                return "null";
            case ReadOnlyMemory<byte> bytes:
                return Convert.ToHexString(bytes.Span);
            case CachePayload payload:
                return "payload " + Convert.ToHexString(payload.Bytes!.Value.Span);
            case string or bool or int or long or TimeSpan or Enum:
                return $"{value}";
            case IEnumerable items:
                return $"[{string.Join(", ", items.Cast<object>().Select(Describe))}]";
        }

        var text = new StringBuilder(value.GetType().Name).Append(" { ");
        foreach (var property in value.GetType().GetProperties(BindingFlags.Instance | BindingFlags.Public))
        {
            if (property.Name is not ("EqualityContract" or "Exception"))
                text.Append(property.Name).Append(" = ").Append(Describe(property.GetValue(value))).Append("; ");
        }

        return text.Append('}').ToString();
    }
}
