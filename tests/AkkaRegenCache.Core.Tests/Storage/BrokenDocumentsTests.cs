using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Contracts;
using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Time;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>The contract finds the mistakes that are made in stores.</summary>
public sealed class BrokenDocumentsTests
{
    public static TheoryData<string> Mistakes =>
    [
        "compares and sets in two steps", "takes the content for the version", "creates over what is there", "replaces any version",
        "creates where a version is expected", "a refused set prolongs the life", "ends at half of the life", "never changes the life",
        "counts versions from one again", "cuts names", "empty is absent", "its clock goes back", "its clock stands",
        "tells its time only with documents", "reads several in another order", "leaves absent ones out",
        "does not see another process",
    ];

    [Fact]
    public async Task A_store_without_any_passes() => Assert.Empty(await FailuresAsync(""));

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task A_store_that_makes_one_fails(string mistake) => Assert.NotEmpty(await FailuresAsync(mistake));

    /// <summary>Runs all tests of the contract as a runner would.</summary>
    private static async Task<List<string>> FailuresAsync(string mistake)
    {
        var failures = new List<string>();
        foreach (var test in typeof(CompareAndSetStoreContract).GetMethods().Where(method => method.IsDefined(typeof(FactAttribute))))
        {
            object?[][] rows = test.IsDefined(typeof(SharedTheoryAttribute))
                ? [.. test.GetCustomAttributes<InlineDataAttribute>().SelectMany(data => data.GetData(test))]
                : [[]];
            foreach (var row in rows)
            {
                try
                {
                    await (Task)test.Invoke(new Contract(mistake), row)!;
                }
                catch (Exception e)
                {
                    failures.Add($"{test.Name}: {e.Message}");
                }
            }
        }

        return failures;
    }

#pragma warning disable xUnit1000 // Not for the runner: most of these fail.
    private sealed class Contract : CompareAndSetStoreContract
#pragma warning restore xUnit1000
    {
        private readonly VirtualTimeProvider _clock = new();

        public Contract(string mistake)
        {
            var documents = new ConcurrentDictionary<string, Document>(StringComparer.Ordinal);
            Store = new Documents(documents, _clock, mistake);
            Other = mistake == "does not see another process"
                ? new Documents(new(), _clock, mistake)
                : new Documents(documents, _clock, mistake);
        }

        protected override ICompareAndSetStore Store { get; }

        protected override ICompareAndSetStore Other { get; }

        protected override Task AdvanceAsync(TimeSpan time)
        {
            _clock.Advance(time);
            return Task.CompletedTask;
        }
    }

    private sealed record Document(byte[] Content, string Version, DateTimeOffset Ends);

    private sealed class Documents(
        ConcurrentDictionary<string, Document> documents, VirtualTimeProvider clock, string mistake) : ICompareAndSetStore
    {
        private static long s_versions;

        private int _reads;

        public ValueTask<StoredDocument> GetAsync(string name, CancellationToken cancellationToken)
        {
            var found = Find(name);
            DateTimeOffset? now = mistake switch
            {
                "its clock goes back" => clock.GetUtcNow().AddSeconds(-(_reads++ % 5)),
                "its clock stands" => DateTimeOffset.UnixEpoch,
                "tells its time only with documents" when found is null => null,
                _ => clock.GetUtcNow(),
            };
            var isAbsent = found is null || (mistake == "empty is absent" && found.Content.Length == 0);
            return new(isAbsent ? StoredDocument.Absent(now) : new StoredDocument(found!.Content, found.Version, now));
        }

        public async ValueTask<bool> TrySetAsync(
            string name, ReadOnlyMemory<byte> content, string? expectedVersion, TimeSpan timeToLive, CancellationToken cancellationToken)
        {
            Document? before;
            lock (documents)
            {
                before = Find(name);
                if (!Matches(before, expectedVersion))
                {
                    if (before is not null && mistake == "a refused set prolongs the life")
                        documents[Cut(name)] = before with { Ends = clock.GetUtcNow() + timeToLive };
                    return false;
                }

                if (mistake != "compares and sets in two steps")
                {
                    Set();
                    return true;
                }
            }

            await Task.Delay(1, cancellationToken);
            Set();
            return true;

            void Set()
            {
                var version = mistake switch
                {
                    "takes the content for the version" => Convert.ToHexString(SHA256.HashData(content.Span)),
                    "counts versions from one again" => $"{(before is null ? 1 : int.Parse(before.Version, CultureInfo.InvariantCulture) + 1)}",
                    _ => $"{Interlocked.Increment(ref s_versions)}",
                };
                var ends = clock.GetUtcNow() + (mistake == "ends at half of the life" ? timeToLive / 2 : timeToLive);
                if (mistake == "never changes the life" && before is not null)
                    ends = before.Ends;
                documents[Cut(name)] = new Document(content.ToArray(), version, ends);
            }
        }

        public async ValueTask<IReadOnlyList<StoredDocument>> GetManyAsync(IReadOnlyList<string> names, CancellationToken cancellationToken)
        {
            var found = new List<StoredDocument>();
            foreach (var name in mistake == "reads several in another order" ? [.. names.Order(StringComparer.Ordinal)] : names)
                found.Add(await GetAsync(name, cancellationToken));
            return mistake == "leaves absent ones out" ? found.FindAll(document => document.Version is not null) : found;
        }

        private bool Matches(Document? before, string? expected) => mistake switch
        {
            "creates over what is there" when expected is null => true,
            "replaces any version" when expected is not null => before is not null,
            "creates where a version is expected" when before is null => true,
            _ => before?.Version == expected,
        };

        private Document? Find(string name) =>
            documents.TryGetValue(Cut(name), out var found) && found.Ends > clock.GetUtcNow() ? found : null;

        private string Cut(string name) => mistake == "cuts names" && name.Length > 100 ? name[..100] : name;
    }
}
